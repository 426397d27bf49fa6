package main

// This file implements zmlx version.

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/zmlx-go/zmlx/internal/dl"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

// A versionReport is what version --json prints.
type versionReport struct {
	Version  string `json:"version"` // a release, or "devel"
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	LoadsLib bool   `json:"loads_libraries"`
}

func version() versionReport {
	v := versionReport{Version: "devel", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, LoadsLib: dl.Supported}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// String is one line for people.
func (v versionReport) String() string {
	s := fmt.Sprintf("zmlx %s", v.Version)
	if v.Revision != "" {
		s += " (" + v.Revision[:min(12, len(v.Revision))]
		if v.Modified {
			s += ", modified"
		}
		s += ")"
	}
	s += fmt.Sprintf(", %s, %s/%s", v.Go, v.OS, v.Arch)
	if !v.LoadsLib {
		s += ", loads no libraries"
	}
	return s
}

func (c *versionCommand) Run(env environment) error {
	if c.JSON {
		return env.printJSON(version())
	}
	_, err := fmt.Fprintln(env.stdout, version())
	return err
}
