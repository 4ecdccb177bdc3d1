// Command check runs everything that must hold before a change lands.
//
//	check            all steps: what `make test` runs
//	check STEP…      these steps only, for example `check lint`
//	check soak       every fuzz target for -minutes in all, the kill test many times
//	check postgres CMD…   CMD with a PostgreSQL of its own in RADAGORA_TEST_POSTGRES
//
// A step prints one line with its time; only a failure is printed in full. Skipped
// tests are listed with their reasons, and the last line counts passed, failed and
// skipped: Go tests and browser tests by their leaves, other steps as one each.
// The exit code is 0 when nothing failed, 1 when something did, 2 for wrong use.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	minutes := flags.Int("minutes", 60, "soak: minutes for all fuzz targets together")
	rounds := flags.Int("rounds", 50, "soak: rounds of the kill test")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	s := newStage(root, out)
	defer s.close()
	var plan []step
	switch first := flags.Arg(0); first {
	case "postgres":
		return s.withPostgres(ctx, flags.Args()[1:])
	case "soak":
		plan = soakSteps(*minutes, *rounds)
	default:
		if plan, err = choose(steps(), flags.Args()); err != nil {
			fmt.Fprintln(out, err)
			return 2
		}
	}
	return s.runAll(ctx, plan)
}

// steps returns everything `make test` does, in order: what sets up before what
// needs it, what is quick to fail before what takes long.
func steps() []step {
	return []step{
		{"setup", setup},
		{"examples", examples},
		{"objects", objects},
		{"driver", driver},
		{"format", format},
		{"vet", vet},
		{"build", build},
		{"generated", generated},
		{"lint", lint},
		{"postgres", startPostgres},
		{"test", goTests},
		{"race", raceTests},
		{"browser", browserTests},
		{"canary", canary},
	}
}

// choose returns the steps named, or all of them.
func choose(all []step, names []string) ([]step, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []step
	for _, name := range names {
		found := false
		for _, one := range all {
			if one.name == name {
				chosen, found = append(chosen, one), true
			}
		}
		if !found {
			return nil, fmt.Errorf("check: there is no step %q", name)
		}
	}
	return chosen, nil
}

func moduleRoot(ctx context.Context) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil || filepath.Base(string(mod)) != "go.mod\n" {
		return "", fmt.Errorf("check: run it inside the module: %w", err)
	}
	return filepath.Dir(string(mod)), nil
}
