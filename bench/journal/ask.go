package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"time"

	"radagora/journal"
)

// A question is one sort of search, with values drawn anew each time.
type question struct {
	name string
	draw func(r *rand.Rand, m *maker) journal.Filter
}

func account(r *rand.Rand) string {
	return fmt.Sprintf("account-%03d", int(float64(accounts)*r.Float64()*r.Float64()))
}

// known draws a person of whom there are entries already.
func (m *maker) some(r *rand.Rand) (string, int64) {
	i := r.Int64N(max(1, min(int64(len(m.known)), m.n/perPerson/knownEvery)))
	return person(int(i)), i * knownEvery * perPerson
}

// span draws a stretch of time of that length.
func (m *maker) span(r *rand.Rand, f journal.Filter, length time.Duration) journal.Filter {
	f.From = m.at(r.Int64N(m.n))
	f.Until = f.From.Add(length)
	return f
}

var questions = []question{
	{"a person", func(r *rand.Rand, m *maker) journal.Filter {
		who, _ := m.some(r)
		return journal.Filter{Site: "main", Person: who}
	}},
	{"a person, four weeks", func(r *rand.Rand, m *maker) journal.Filter {
		who, seq := m.some(r)
		return journal.Filter{Site: "main", Person: who, From: m.at(seq), Until: m.at(seq).AddDate(0, 0, 28)}
	}},
	{"an account", func(r *rand.Rand, _ *maker) journal.Filter { return journal.Filter{Actor: account(r)} }},
	{"an account, one week", func(r *rand.Rand, m *maker) journal.Filter {
		return m.span(r, journal.Filter{Actor: account(r)}, 7*24*time.Hour)
	}},
	{"an account seldom here", func(r *rand.Rand, _ *maker) journal.Filter {
		return journal.Filter{Actor: fmt.Sprintf("account-seldom-%05d", r.IntN(200))}
	}},
	{"a person and an account", func(r *rand.Rand, m *maker) journal.Filter {
		who, _ := m.some(r)
		return journal.Filter{Site: "main", Person: who, Actor: account(r)}
	}},
	{"a study", func(r *rand.Rand, m *maker) journal.Filter {
		seq := r.Int64N(m.n)
		return journal.Filter{Subject: fmt.Sprintf("1.2.826.0.1.3680043.10.%d.%d", seq/perPerson, seq/perStudy%7)}
	}},
	{"a time, one hour", func(r *rand.Rand, m *maker) journal.Filter { return m.span(r, journal.Filter{}, time.Hour) }},
	{"a frequent kind, one day", func(r *rand.Rand, m *maker) journal.Filter {
		return m.span(r, journal.Filter{Kinds: []string{"archive.study.read"}}, 24*time.Hour)
	}},
	{"a seldom kind", func(*rand.Rand, *maker) journal.Filter {
		return journal.Filter{Kinds: []string{"access.glass.opened"}}
	}},
	{"all kinds of a room, one month", func(r *rand.Rand, m *maker) journal.Filter {
		return m.span(r, journal.Filter{Kinds: []string{"access.*"}}, 30*24*time.Hour)
	}},
	{"an account and a seldom kind", func(r *rand.Rand, _ *maker) journal.Filter {
		return journal.Filter{Actor: account(r), Kinds: []string{"access.glass.opened"}}
	}},
	{"an account and a frequent kind it never did", func(r *rand.Rand, _ *maker) journal.Filter {
		return journal.Filter{Actor: account(r), Kinds: []string{"archive.instance.stored"}}
	}},
	{"the same, one month", func(r *rand.Rand, m *maker) journal.Filter {
		return m.span(r, journal.Filter{Actor: account(r), Kinds: []string{"archive.instance.stored"}}, 30*24*time.Hour)
	}},
	{"an account, from somewhere on", func(r *rand.Rand, m *maker) journal.Filter {
		return journal.Filter{Actor: account(r), Before: 1 + r.Int64N(m.n)}
	}},
}

// ask asks every question at one size and writes a line for each.
func ask(ctx context.Context, w io.Writer, j *journal.Journal, m *maker, o options, file string, size int) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	for _, q := range questions {
		r := rand.New(rand.NewPCG(uint64(size), 11))
		var warm, cold []time.Duration
		found := 0
		for n := range o.asked {
			f := q.draw(r, m)
			f.Newest, f.Limit = true, 50
			first := n%20 == 0 // each costs reading the disk
			if first {
				if err := forget(ctx, file); err != nil {
					return err
				}
			}
			start := time.Now()
			for _, err := range j.Find(ctx, f) {
				if err != nil {
					return fmt.Errorf("%s: %w", q.name, err)
				}
				found++
			}
			if took := time.Since(start); first {
				cold = append(cold, took)
			} else {
				warm = append(warm, took)
			}
		}
		slices.Sort(warm)
		slices.Sort(cold)
		fmt.Fprintf(w, "| %d M | %.1f GB | %s | %.1f | %s | %s | %s | %s | %s |\n", size, float64(info.Size())/1e9, q.name, float64(found)/float64(o.asked),
			ms(warm[len(warm)/2]), ms(warm[len(warm)*95/100]), ms(warm[len(warm)-1]), ms(cold[len(cold)/2]), ms(cold[len(cold)-1]))
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// forget has the system put a file out of its memory.
func forget(ctx context.Context, file string) error {
	out, err := exec.CommandContext(ctx, "dd", "if="+file, "iflag=nocache", "count=0").CombinedOutput()
	if err != nil {
		return fmt.Errorf("dd: %w: %s", err, out)
	}
	return nil
}
