package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// A part is something every program must hold, and how to see that it does.
type part struct {
	name  string
	args  []string
	holds func(out []byte) error
}

// inside are the parts of a program that it lists itself. Whether the image viewer is
// there is seen by imageViewer, without which there is no list of what is inside.
var inside = []part{
	{"knowledge", []string{"content", "list", "--json"}, atLeastOne},
	{"licences", []string{"licences"}, func(out []byte) error {
		if len(out) < 1000 {
			return fmt.Errorf("%d bytes of text", len(out))
		}
		return nil
	}},
}

// atLeastOne holds what a program lists against nothing at all.
func atLeastOne(out []byte) error {
	var sets []json.RawMessage
	if err := json.Unmarshal(out, &sets); err != nil {
		return err
	}
	if len(sets) == 0 {
		return fmt.Errorf("an empty list")
	}
	return nil
}

// look runs a program and sees what is in it.
func look(ctx context.Context, file string) error {
	dir, err := os.MkdirTemp("", "radagora-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing is lost with it
	for _, p := range inside {
		cmd := exec.CommandContext(ctx, file, p.args...)
		cmd.Dir, cmd.Env = dir, []string{}
		out, err := cmd.Output()
		if err == nil {
			err = p.holds(out)
		}
		if err != nil {
			return fmt.Errorf("%s: no %s inside: %w", file, p.name, err)
		}
	}
	return nil
}
