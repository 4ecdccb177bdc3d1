// Command dose measures how long questions to the dose ledger take as it grows.
//
// It fills a database with made-up irradiation events up to each size in turn, of all
// modalities over ten years, and asks what the physicist's pages ask: the table of
// typical values of a year for each modality, the months of one row, one study, the
// names by volume, a page of examinations, and all findings of a site. It prints one
// line for each question and size: the median and the longest, and at the end how much
// memory the process took at most. There are no reports, only what is derived from them.
//
//	go run ./bench/dose --dir /var/tmp --sizes 10,100,1000,10000
//	go run ./bench/dose --dsn postgres://…  # an empty schema
//
// Ten million events take about 20 GB. The folder it makes is removed at the end; what
// --dsn names is left as it is. A measurement is no test: it fails for nothing slow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"radagora/db"
)

// options are what the command line says.
type options struct {
	dir, dsn string
	sizes    []int // thousands of events
	asked    int   // questions of each sort
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := parse(os.Args[1:])
	if err == nil {
		err = run(ctx, o, os.Stdout)
	}
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "dose:", err)
		os.Exit(1)
	}
}

// parse reads the command line.
func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("dose", flag.ContinueOnError)
	f.StringVar(&o.dir, "dir", "/var/tmp", "make the temporary folder here; a disk, not memory")
	f.StringVar(&o.dsn, "dsn", "", "measure in this database instead of a new SQLite file")
	f.IntVar(&o.asked, "asked", 5, "questions of each sort")
	sizes := f.String("sizes", "10,100,1000", "thousands of events, growing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for s := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || len(o.sizes) > 0 && n <= o.sizes[len(o.sizes)-1] {
			return o, fmt.Errorf("--sizes %s: growing whole numbers are needed", *sizes)
		}
		o.sizes = append(o.sizes, n)
	}
	return o, nil
}

// run measures what o says and writes a table to w.
func run(ctx context.Context, o options, w io.Writer) (err error) {
	dir, err := os.MkdirTemp(o.dir, "radagora-dose-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	dsn := o.dsn
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(dir, "dose.db")
	}
	d, err := db.Open(ctx, dsn, db.Options{WriteLimit: time.Hour})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	m := &maker{db: d, day: time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)}
	a, err := open(ctx, d, m)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "| events | examinations | database | question | found | median ms | longest ms |\n|---|---|---|---|---|---|---|")
	for _, size := range o.sizes {
		start := time.Now()
		if err := m.fill(ctx, size*1000); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d k events after %v\n", size, time.Since(start).Round(time.Second))
		forgetMost()
		if err := a.ask(ctx, w, o, size); err != nil {
			return err
		}
		fmt.Fprintf(w, "| %d k | | | memory at most, MB | %d | | |\n", size, most())
	}
	return nil
}

// forgetMost has the system count anew from now on how much memory is held at most, so
// that filling does not count; where it cannot, all counts.
func forgetMost() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// most returns how much memory the process has held at most, in MB; 0 where the
// system does not say.
func most() int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB")); err == nil {
				return kb / 1000
			}
		}
	}
	return 0
}
