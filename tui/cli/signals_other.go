//go:build !unix

package cli

import (
	"os"
	"os/exec"
)

var terminate = os.Kill

// passedOn are the signals that a command which smtptap runs gets as well.
var passedOn = []os.Signal{os.Interrupt}

func statusOf(s *os.ProcessState) int { return s.ExitCode() }

func ownGroup(*exec.Cmd) {}

// killGroup ends a program that has started.
func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }

// reachesAll reports a signal that the console sends to all its processes.
func reachesAll(sig os.Signal) bool { return sig == os.Interrupt }
