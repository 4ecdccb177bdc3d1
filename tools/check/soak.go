package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// soakSteps returns what is too long for each change: every fuzz target in turn,
// and the tests that kill the program, many times.
func soakSteps(minutes, rounds int) []step {
	return []step{
		{"setup", setup},
		{"postgres", startPostgres},
		{"fuzz", func(ctx context.Context, s *stage) outcome {
			return fuzzAll(ctx, s, time.Duration(minutes)*time.Minute)
		}},
		{"kill", func(ctx context.Context, s *stage) outcome { return killMany(ctx, s, rounds) }},
		{"messages", manyMessages},
	}
}

// A target is a test or fuzz target and its package.
type target struct{ pkg, name string }

// targets asks the packages for the names that match pattern.
func (s *stage) targets(ctx context.Context, pattern string) ([]target, error) {
	out, err := s.output(ctx, "go", "test", "-list", pattern, "./...")
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	var found []target
	var names []string
	for line := range strings.Lines(out) { // the names, then "ok", the package and its time
		field := strings.Fields(line)
		switch {
		case len(field) == 1:
			names = append(names, field[0])
		case len(field) > 1 && field[0] == "ok":
			for _, name := range names {
				found = append(found, target{field[1], name})
			}
			names = nil
		}
	}
	return found, nil
}

func fuzzAll(ctx context.Context, s *stage, whole time.Duration) outcome {
	all, err := s.targets(ctx, "^Fuzz")
	if err != nil || len(all) == 0 {
		return fail("fuzz targets: %d found, %v", len(all), err)
	}
	each := max(whole/time.Duration(len(all)), 5*time.Second)
	var total outcome
	for _, f := range all {
		began := time.Now()
		o := s.try(ctx, "go", "test", "-run=^$", "-fuzz=^"+f.name+"$", "-fuzztime="+each.String(), f.pkg)
		if ranOut(o) && ctx.Err() == nil {
			o = outcome{passed: 1}
		}
		fmt.Fprintf(s.out, "  %-6s %6.1fs  %s %s\n", o.word(), time.Since(began).Seconds(), f.pkg, f.name)
		total.add(o)
		total.text += o.text + "\n"
	}
	total.note = fmt.Sprintf("%d targets, %s each", len(all), each)
	return total
}

// ranOut reports whether nothing was found and only the time was over: the Go
// command at times calls that a failure, when a worker is busy at that moment.
func ranOut(o outcome) bool {
	return strings.Contains(o.text, "context deadline exceeded") && !strings.Contains(o.text, "Failing input") &&
		!strings.Contains(o.text, "panic:")
}

// manyMessages runs the tests of a hospital's messages with a whole day of them, and
// with 100,000 that wait.
func manyMessages(ctx context.Context, s *stage) outcome {
	return s.try(ctx, "env", "RADAGORA_DAY=2000", "RADAGORA_BACKLOG=18500",
		"go", "test", "-run=^(TestDay|TestBacklogInOrder)$", "-count=1", "-timeout=6h", "./connect")
}

func killMany(ctx context.Context, s *stage, rounds int) outcome {
	all, err := s.targets(ctx, "^Test.*(Kill|Crash)")
	if err != nil {
		return fail("kill tests: %v", err)
	}
	if len(all) == 0 {
		return outcome{skipped: 1, skips: []skip{{"kill", "no test has Kill in its name"}}}
	}
	var total outcome
	for _, k := range all {
		o := s.try(ctx, "go", "test", "-run=^"+k.name+"$", fmt.Sprintf("-count=%d", rounds), "-timeout=6h", k.pkg)
		total.add(o)
		total.text += strings.TrimSpace(o.text) + "\n"
	}
	total.note = fmt.Sprintf("%d tests, %d rounds each", len(all), rounds)
	return total
}
