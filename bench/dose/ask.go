package main

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/dose"
	"radagora/finding"
	"radagora/journal"
)

// An asker has what the questions are put to.
type asker struct {
	m        *maker
	ledger   *dose.Ledger
	findings *finding.Register
}

// open makes the tables and has a published set of levels govern.
func open(ctx context.Context, d *db.DB, m *maker) (*asker, error) {
	library, err := content.Open()
	if err != nil {
		return nil, err
	}
	codes, err := library.Table(hospital, "dose/exam", "codes")
	if err != nil {
		return nil, err
	}
	m.exams = map[string][]string{"MG": {"MG_SCREENING"}, "NM": {"NM_BONE"}}
	for row := range codes.All() {
		modality := strings.NewReplacer("XA", "RF", "PX", "DX", "PT", "NM").Replace(row.Text("modality"))
		m.exams[modality] = append(m.exams[modality], row.Text("exam_code"))
	}
	if m.packed, err = event(); err != nil {
		return nil, err
	}
	j, err := journal.Open(ctx, d, journal.Options{MasterKey: [32]byte{1}})
	if err != nil {
		return nil, err
	}
	now := func() time.Time { return m.day.Add(20 * time.Hour) }
	a := &asker{m: m, ledger: &dose.Ledger{DB: d, Journal: j, Content: library, Log: slog.New(slog.DiscardHandler), Now: now}}
	if err := d.Migrate(ctx, "access", access.Migrations()); err != nil {
		return nil, err
	}
	if err := d.Migrate(ctx, "dose", dose.Migrations()); err != nil {
		return nil, err
	}
	if a.findings, err = finding.Open(ctx, d, j, now); err != nil {
		return nil, err
	}
	_, err = a.ledger.Govern(ctx, dose.Governing{Site: hospital, Set: "dose/level/uk_ndrl_2024", From: "2016-01-01", DecidedBy: "account-1", Note: "a measurement"})
	return a, err
}

// event returns what is kept of an event, of about the length that it mostly has.
func event() ([]byte, error) {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]byte, 340)
	for i := range words {
		words[i] = byte(r.Uint32())
	}
	var b bytes.Buffer
	b.WriteByte(1)
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(w, `{"comment":"%x"}`, words); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// A question is one sort. It returns how many rows came.
type question struct {
	name string
	ask  func(ctx context.Context, a *asker) (int, error)
}

// year is the table of typical values of a modality.
func year(modality string) question {
	return question{modality + ": table of a year", func(ctx context.Context, a *asker) (int, error) {
		o, err := a.ledger.OverviewOf(ctx, hospital, modality, dose.Last(12, a.m.day), room, access.Quality)
		if err != nil {
			return 0, err
		}
		return len(o.Rows), nil
	}}
}

var questions = []question{
	year("CT"), year("DX"), year("RF"), year("MG"), year("NM"),
	{"CT: two years by month", func(ctx context.Context, a *asker) (int, error) {
		o, err := a.ledger.OverviewOf(ctx, hospital, "CT", dose.Last(24, a.m.day), room, access.Quality)
		if err != nil || len(o.Rows) == 0 {
			return 0, err
		}
		return len(o.Months(o.Rows[0])), nil
	}},
	{"one study", func(ctx context.Context, a *asker) (int, error) {
		s, err := a.ledger.Study(ctx, hospital, fmt.Sprintf("2.25.77%d", a.m.studies/2))
		if err != nil {
			return 0, err
		}
		return len(s.Events), nil
	}},
	{"names of a year by volume", func(ctx context.Context, a *asker) (int, error) {
		all, err := a.ledger.Names(ctx, hospital, a.m.day.AddDate(-1, 0, 0).Format(time.DateOnly))
		return len(all), err
	}},
	{"a page of 100 examinations", func(ctx context.Context, a *asker) (int, error) {
		all, err := a.ledger.Select(ctx, hospital, dose.Selection{Reach: access.Reach{All: true, Identity: true}, Purpose: access.Quality}, dose.Cursor{}, 100)
		return len(all), err
	}},
	{"one person's examinations", func(ctx context.Context, a *asker) (int, error) {
		s := dose.Selection{Persons: []string{fmt.Sprintf("person-%d", a.m.studies/6)}, Reach: access.Reach{All: true, Identity: true}, Purpose: access.Quality}
		all, err := a.ledger.Select(ctx, hospital, s, dose.Cursor{}, 100)
		return len(all), err
	}},
	{"all findings", func(ctx context.Context, a *asker) (int, error) {
		c, err := a.ledger.Judge(ctx, hospital, room, a.findings)
		return len(c.New), err
	}},
}

// ask asks every question at one size and writes a line for each.
func (a *asker) ask(ctx context.Context, w io.Writer, o options, size int) error {
	for _, q := range questions {
		var took []time.Duration
		found := 0
		for range o.asked {
			start := time.Now()
			n, err := q.ask(ctx, a)
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			took = append(took, time.Since(start))
			found = max(found, n)
		}
		slices.Sort(took)
		fmt.Fprintf(w, "| %d k | %d k | %v | %s | %d | %s | %s |\n", size, (a.m.studies+a.m.copies*a.m.once)/1000, a.m.db.Engine(), q.name, found,
			ms(took[len(took)/2]), ms(took[len(took)-1]))
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
