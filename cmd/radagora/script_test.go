package main

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary the command radagora of the scripts, so that
// what they run is the real main.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"radagora": main, "mkreport": mkreport})
}

// TestScript tells what a user types and sees. testdata/script has the stories.
func TestScript(t *testing.T) {
	if testing.Short() {
		t.Skip("each command starts the program anew: left out with -short, and so under the race detector")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "mkzip": mkzip, "damage": damage, "serve": serveScript, "stop": stopScript,
			"unzip": unzip, "holds": holds, "same": same,
		},
	})
}

// exits runs a program and holds it to an exit code: exits 2 radagora serve -x.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d; want %d", got, want)
	}
}
