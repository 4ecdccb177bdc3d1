package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// A contender reads files and says how much CPU time that took. It fails with
// exec.ErrNotFound if its program is not installed.
type contender struct {
	name string
	read func(names []string) (time.Duration, error)
}

// pydicomTag makes pydicom print one value of each file it is given.
const pydicomTag = `
import sys, pydicom
for name in sys.argv[1:]:
    print(pydicom.dcmread(name, stop_before_pixels=True, specific_tags=["PatientID"]).PatientID)
`

// pydicomHeader makes pydicom read all of the header.
const pydicomHeader = `
import sys, pydicom
for name in sys.argv[1:]:
    print(pydicom.dcmread(name, stop_before_pixels=True).PatientID)
`

// contenders returns everybody that is to be measured. The first is the one that
// others are compared with.
func contenders(self string) []contender {
	return []contender{
		{"radagora: header and one value", process(self, "--read")},
		{"radagora: one value, stop behind it", process(self, "--read", "--value")},
		{"radagora: header and one value, in this process", inProcess(header)},
		{"radagora: one value, stop behind it, in this process", inProcess(oneValue)},
		{"radagora: whole file and one value, in this process", inProcess(nil)},
		{"gdcmscanner: one value, stop behind it", folder("gdcmscanner", "-p", "-t", "0010,0020", "-d")},
		{"gdcmscanner: one value, stop behind it, strict", folder("gdcmscanner", "--strict", "-p", "-t", "0010,0020", "-d")},
		{"gdcmdump: header", folder("gdcmdump", "-r", "-i")},
		{"dcmdump: one value, stop behind it", process("dcmdump", "-q", "+st", "0010,0020", "+P", "0010,0020")},
		{"dcmdump: one value", process("dcmdump", "-q", "+P", "0010,0020")},
		{"dcmdump: header", process("dcmdump", "-q", "+sb", "7fe0,0010")},
		{"pydicom: one value", process("/usr/bin/python3", "-c", pydicomTag)},
		{"pydicom: header", process("/usr/bin/python3", "-c", pydicomHeader)},
	}
}

// process measures a program that takes many files as arguments.
func process(program string, args ...string) func([]string) (time.Duration, error) {
	return func(names []string) (time.Duration, error) {
		return spent(exec.CommandContext(context.Background(), program, append(slices.Clone(args), names...)...))
	}
}

// folder measures a program that takes a folder: one with links to the files.
func folder(program string, args ...string) func([]string) (time.Duration, error) {
	return func(names []string) (took time.Duration, err error) {
		dir, err := os.MkdirTemp("", "radagora-parse-")
		if err != nil {
			return 0, err
		}
		defer func() { err = cmp.Or(err, os.RemoveAll(dir)) }()
		for i, name := range names {
			target, err := filepath.Abs(name)
			if err != nil {
				return 0, err
			}
			if err := os.Symlink(target, filepath.Join(dir, fmt.Sprintf("%06d.dcm", i))); err != nil {
				return 0, err
			}
		}
		return spent(exec.CommandContext(context.Background(), program, append(slices.Clone(args), dir)...))
	}
}

// spent runs a program, whose output goes nowhere, and returns its CPU time.
func spent(c *exec.Cmd) (time.Duration, error) {
	err := c.Run()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.Path, err)
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime(), nil
}

// A result is what one contender took.
type result struct {
	start, each time.Duration // for the program and one file; for every further file
}

// once measures c: with all names and with the first alone.
func once(c contender, names []string) (result, error) {
	one, err := c.read(names[:1])
	if err != nil {
		return result{}, err
	}
	all, err := c.read(names)
	return result{one, (all - one) / time.Duration(len(names)-1)}, err
}

// measure lets everybody read in turn, as often as there are rounds, and writes
// the medians to w.
func measure(w io.Writer, all []contender, names []string, rounds int) error {
	results := make([][]result, len(all))
	var missing []string
	for range rounds {
		for i, c := range all {
			r, err := once(c, names)
			switch {
			case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
				if !slices.Contains(missing, c.name) {
					missing = append(missing, c.name)
				}
			case err != nil:
				return err
			default:
				results[i] = append(results[i], r)
			}
		}
	}
	return table(w, all, results, missing)
}

// table writes the medians, and how often the first of them fits into each.
func table(w io.Writer, all []contender, results [][]result, missing []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "µs a file\tratio\tstart ms\t\t")
	base := median(results[0])
	for i, c := range all {
		if len(results[i]) == 0 {
			continue
		}
		m := median(results[i])
		fmt.Fprintf(t, "%.1f\t%.1f\t%.1f\t\t%s\n", m.each.Seconds()*1e6, m.each.Seconds()/base.each.Seconds(), m.start.Seconds()*1e3, c.name)
	}
	for _, name := range missing {
		fmt.Fprintf(t, "\t\t\t\t%s: not installed\n", name)
	}
	return t.Flush()
}

// median returns the medians of both times.
func median(all []result) result {
	middle := func(of func(result) time.Duration) time.Duration {
		times := make([]time.Duration, len(all))
		for i, r := range all {
			times[i] = of(r)
		}
		slices.Sort(times)
		return times[len(times)/2]
	}
	return result{
		middle(func(r result) time.Duration { return r.start }),
		middle(func(r result) time.Duration { return r.each }),
	}
}
