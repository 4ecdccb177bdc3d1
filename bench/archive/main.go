// Command archive measures how long questions to the archive's index take as it grows.
//
// It fills a database with made-up studies up to each size in turn, ten instances in two
// series each, and asks what study lists, viewers and modalities ask: the first page,
// a page far behind, the beginning of a name, a day, a modality, single identifiers,
// and what somebody types into the search field. It prints one line for each question and
// size: the median, the 95th percentile and the longest. There are no objects, only rows.
//
//	go run ./bench/archive --dir /var/tmp --sizes 20,60,200
//	go run ./bench/archive --dsn postgres://…  # an empty schema
//
// A hundred thousand studies with their million instances take about 1.2 GB. The folder
// it makes is removed at the end; what --dsn names is left as it is. A measurement is no
// test: it fails for nothing slow.
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

	"radagora/archive"
	"radagora/blob/disk"
	"radagora/db"
	"radagora/journal"
)

// options are what the command line says.
type options struct {
	dir, dsn string
	sizes    []int // thousands of studies
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
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}

// parse reads the command line.
func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("archive", flag.ContinueOnError)
	f.StringVar(&o.dir, "dir", "/var/tmp", "make the temporary folder here; a disk, not memory")
	f.StringVar(&o.dsn, "dsn", "", "measure in this database instead of a new SQLite file; the studies made there before count")
	f.IntVar(&o.asked, "asked", 50, "questions of each sort")
	sizes := f.String("sizes", "20,60,200", "thousands of studies, growing")
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
	dir, err := os.MkdirTemp(o.dir, "radagora-archive-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	dsn := o.dsn
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(dir, "archive.db")
	}
	d, err := db.Open(ctx, dsn, db.Options{WriteLimit: time.Hour})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	a, done, err := open(ctx, d, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	m := &maker{db: d, begin: time.Date(2019, 1, 1, 7, 0, 0, 0, time.UTC)}
	if err := d.QueryRow(ctx, "select count(*) from study").Scan(&m.n); err != nil {
		return err
	}
	fmt.Fprintln(w, "| studies | instances | database | question | found | median ms | 95 % ms | longest ms |\n|---|---|---|---|---|---|---|---|")
	for _, size := range o.sizes {
		start := time.Now()
		if err := m.fill(ctx, size*1000); err != nil {
			return err
		}
		rows := time.Since(start)
		if err := a.Prepare(ctx); err != nil {
			return err
		}
		if err := m.settle(ctx); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d k studies: rows %v, words %v\n", size, rows.Round(time.Second), (time.Since(start) - rows).Round(time.Second))
		if err := ask(ctx, w, a, m, o); err != nil {
			return err
		}
	}
	return nil
}

// open opens an archive without objects.
func open(ctx context.Context, d *db.DB, dir string) (*archive.Archive, func() error, error) {
	blobs, err := disk.Open(filepath.Join(dir, "packs"), disk.Options{})
	if err != nil {
		return nil, nil, err
	}
	j, err := journal.Open(ctx, d, journal.Options{MasterKey: [32]byte{1}})
	if err == nil {
		var a *archive.Archive
		a, err = archive.New(ctx, archive.Config{DB: d, Blobs: blobs, Journal: j, Now: time.Now})
		if err == nil {
			return a, blobs.Close, nil
		}
	}
	return nil, nil, errors.Join(err, blobs.Close())
}
