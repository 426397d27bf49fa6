package cc

// This file implements running compilers, and stopping them before the process
// ends.

import (
	"os/exec"
	"runtime"
	"sync"
)

// compiling holds the compilers that run.
var compiling struct {
	sync.Mutex
	commands map[*exec.Cmd]bool
}

// maxPrinted bounds how much is kept of what a compiler prints.
const maxPrinted = 1 << 20

// A printout is the start of what a compiler prints, up to maxPrinted.
type printout struct{ text []byte }

// Write keeps what there is room for, and is silent about the rest: a compiler
// that prints without end is stopped by its time.
func (p *printout) Write(text []byte) (int, error) {
	p.text = append(p.text, text[:min(len(text), maxPrinted-len(p.text))]...)
	return len(text), nil
}

// runCompiler is cmd.Run for a compiler; cmd is made with a context. Where the
// system can do that, the compiler is killed when this process dies; what it has
// started itself then ends on its own.
func runCompiler(cmd *exec.Cmd, stdout, stderr *printout) error {
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
