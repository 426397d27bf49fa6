package cc

// This file implements running compilers such that none outlives the process.

import (
	"bytes"
	"os/exec"
	"runtime"
	"sync"
)

// compiling holds the compilers that run.
var compiling struct {
	sync.Mutex
	commands map[*exec.Cmd]bool
}

// runCompiler is cmd.Run for a compiler; cmd is made with a context. Where the
// system can do that, the compiler is killed when this process dies.
func runCompiler(cmd *exec.Cmd, stdout, stderr *bytes.Buffer) error {
	cmd.Stdout, cmd.Stderr = stdout, stderr
	killAll(cmd)
	runtime.LockOSThread() // the system watches the thread, not the process
	defer runtime.UnlockOSThread()
	compiling.Lock()
	err := cmd.Start()
	if err == nil {
		if compiling.commands == nil {
			compiling.commands = map[*exec.Cmd]bool{}
		}
		compiling.commands[cmd] = true
	}
	compiling.Unlock()
	if err != nil {
		return err
	}
	defer func() {
		compiling.Lock()
		delete(compiling.commands, cmd)
		compiling.Unlock()
	}()
	return cmd.Wait()
}

// StopCompilers kills the compilers that run, with all that they have started.
// It is for programs about to end.
func StopCompilers() {
	compiling.Lock()
	defer compiling.Unlock()
	for cmd := range compiling.commands {
		cmd.Cancel() // fails only if it has ended
	}
}
