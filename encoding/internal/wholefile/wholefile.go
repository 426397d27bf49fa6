// Package wholefile writes files of which all of the contents appear, or none.
//
// This file implements that.
package wholefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Replace makes path a file with the contents that write produces, all of
// them or, on error, none: path is then as it was.
func Replace(path string, write func(io.Writer) error) (err error) {
	// A link stays a link, to the new file.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	f, err := createBeside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<16)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	// Some file systems else keep the new name and lose the contents in a crash.
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// createBeside creates a new file in the directory of path, with the permissions
// of the file at path or, where there is none, those the process gives.
func createBeside(path string) (*os.File, error) {
	info, err := os.Stat(path)
	exists := err == nil
	if exists && !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file, not replaced")
	}
	for try := 0; ; try++ {
		name := fmt.Sprintf("%s.%d-%d.tmp", path, os.Getpid(), try)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, os.ErrExist) && try < 1000 {
			continue
		}
		if err == nil && exists {
			if err = f.Chmod(info.Mode().Perm()); err != nil {
				f.Close()
				os.Remove(name)
			}
		}
		return f, err
	}
}
