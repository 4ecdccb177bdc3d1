// Command journal measures how long searching the journal takes as it grows.
//
// It fills a database with made-up entries up to each size in turn and asks, at each
// size, for the newest page of fifty by person, account, kind, study and time, with
// values drawn anew for every question. It prints one line for each question and
// size: the median, the 95th percentile and the longest, once with the file in the
// memory of the system as far as it fits, and once right after the file was put out
// of it.
//
//	go run ./bench/journal --dir /var/tmp --sizes 1,3,10,30
//
// A million entries take about half a gigabyte. The folder it makes is removed at
// the end. A measurement is no test: it fails for nothing slow.
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"radagora/db"
	"radagora/journal"
)

// options are what the command line says.
type options struct {
	dir   string
	sizes []int // millions of entries
	asked int   // questions of each sort
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
		fmt.Fprintln(os.Stderr, "journal:", err)
		os.Exit(1)
	}
}

// parse reads the command line.
func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("journal", flag.ContinueOnError)
	f.StringVar(&o.dir, "dir", "/var/tmp", "make the temporary folder here; a disk, not memory")
	f.IntVar(&o.asked, "asked", 200, "questions of each sort")
	sizes := f.String("sizes", "1,3,10", "millions of entries, growing")
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
	dir, err := os.MkdirTemp(o.dir, "radagora-journal-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "journal.db")
	d, err := db.Open(ctx, "sqlite:"+file, db.Options{WriteLimit: time.Hour})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	j, err := journal.Open(ctx, d, journal.Options{MasterKey: [32]byte{1}})
	if err != nil {
		return err
	}
	m := &maker{db: d, begin: time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := m.persons(ctx, j); err != nil {
		return err
	}
	fmt.Fprintln(w, "| entries | file | question | found | median ms | 95 % ms | longest ms | cold: median ms | longest ms |\n|---|---|---|---|---|---|---|---|---|")
	for _, size := range o.sizes {
		start := time.Now()
		if err := m.fill(ctx, int64(size)*1_000_000); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d M entries after %v\n", size, time.Since(start).Round(time.Second))
		if err := ask(ctx, w, j, m, o, file, size); err != nil {
			return err
		}
	}
	return nil
}
