//go:build !unix

package cc

// This file implements stopping a compiler where it cannot be stopped with
// its children.

import (
	"os/exec"
	"time"
)

func killAll(cmd *exec.Cmd) { cmd.WaitDelay = 2 * time.Second }
