//go:build unix

package cc

// This file implements stopping a compiler with all processes it has started.

import (
	"os/exec"
	"syscall"
	"time"
)

// killAll makes the end of cmd's context end cmd and its children.
func killAll(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
}
