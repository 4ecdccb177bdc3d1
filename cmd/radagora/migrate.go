package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/archive/exchange"
)

type migrateCmd struct {
	Start    migrateStartCmd  `cmd:"" help:"Begin to take over what another archive has."`
	Status   migrateStatusCmd `cmd:"" help:"Tell how far migrations are."`
	Pause    migratePauseCmd  `cmd:"" help:"Begin no further study; what is under way ends."`
	Continue migrateGoOnCmd   `cmd:"" help:"Go on after a pause."`
	Report   migrateReportCmd `cmd:"" help:"Write every study that differs, and why, as CSV."`
	Doses    migrateDosesCmd  `cmd:"" help:"Ask a peer each night for doses alone."`
}

// migrateNote is said in the help of commands that decide about migrations.
const migrateNote = "The work itself is done by \"radagora serve\", which goes on after every restart.\n" + needsFolder

type migrateStartCmd struct {
	settings
	From   string `required:"" placeholder:"AE" help:"Application entity title of the peer to take over."`
	First  string `required:"" placeholder:"YYYY-MM-DD" help:"The oldest day."`
	Last   string `placeholder:"YYYY-MM-DD" help:"The latest day, which is taken over first; without it, today."`
	Hours  string `default:"19:00-06:00" placeholder:"HH:MM-HH:MM" help:"Hours to work in, at the site; the same twice is all day."`
	AtOnce int    `default:"2" help:"Studies under way at once."`
	AnHour int    `default:"200" help:"Studies begun in an hour at most."`
}

func (migrateStartCmd) Help() string {
	return `Begins a migration and prints its id. Day by day, the latest first, the peer is asked what it has; each study is
fetched, counted and compared.
` + migrateNote + `

Example:

    radagora migrate start --data /var/lib/radagora --from OLDPACS --first 2015-01-01 --hours 19:00-06:00`
}

// Run begins a migration.
func (c migrateStartCmd) Run(ctx context.Context, sys *system) error {
	m := exchange.Migration{Site: at, Peer: c.From, AtOnce: c.AtOnce, AnHour: c.AnHour}
	from, until, ok := strings.Cut(c.Hours, "-")
	for text, minute := range map[string]*int{from: &m.From, until: &m.Until} {
		t, err := time.Parse("15:04", strings.TrimSpace(text))
		if err != nil || !ok {
			return wrong("--hours: HH:MM-HH:MM is due, such as 19:00-06:00")
		}
		*minute = t.Hour()*60 + t.Minute()
	}
	if from == until {
		m.From, m.Until = 0, 0
	}
	for _, day := range []*string{&c.First, &c.Last} {
		if *day == "" {
			*day = sys.Now().Format(time.DateOnly)
		}
		if _, err := time.Parse(time.DateOnly, *day); err != nil {
			return wrong("a day is written YYYY-MM-DD")
		}
	}
	m.First, m.Last = strings.ReplaceAll(c.First, "-", ""), strings.ReplaceAll(c.Last, "-", "")
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.StudyFetch); err != nil {
			return err
		}
		if _, err := h.Sites.Peer(ctx, at, c.From); err != nil {
			return err
		}
		id, err := h.Exchange.Migrate(ctx, access.From(ctx).ID, m)
		if err == nil {
			_, err = fmt.Fprintln(sys.Out, id)
		}
		return err
	})
}

type migrateStatusCmd struct{ settings }

func (migrateStatusCmd) Help() string {
	return `Prints each migration: how many days were asked about, how many studies wait, are verified and differ.
` + needsFolder + `

Example:

    radagora migrate status --data /var/lib/radagora`
}

// Run prints how far migrations are.
func (c migrateStatusCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.StudyFetch); err != nil {
			return err
		}
		all, err := h.Exchange.Migrations(ctx, at)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "id\tpeer\tstate\tdays\tfound\tbegun\tverified\tdiffers\tonly here\treason")
		for _, m := range all {
			tallies, err := h.Exchange.Tallies(ctx, m.ID)
			if err != nil {
				return err
			}
			n := map[exchange.StudyState]int64{}
			for _, t := range tallies {
				n[t.State] = t.Studies
			}
			asked, days := m.Progress()
			fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%d\t%d\t%d\t%d\t%d\t%s\n", m.ID, m.Peer, m.State, asked, days,
				n[exchange.StudyFound], n[exchange.StudyBegun], n[exchange.StudyVerified], n[exchange.StudyDiffers], n[exchange.StudyOnlyHere], m.Reason)
		}
		return w.Flush()
	})
}

type migratePauseCmd struct {
	settings
	ID string `arg:"" help:"Id, as status prints it."`
}

func (migratePauseCmd) Help() string {
	return `Begins no further study; what is under way ends.
` + needsFolder + `

Example:

    radagora migrate pause --data /var/lib/radagora 01a2…`
}

// Run pauses a migration.
func (c migratePauseCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.StudyFetch); err != nil {
			return err
		}
		return h.Exchange.MigrationPause(ctx, access.From(ctx).ID, at, c.ID)
	})
}

type migrateGoOnCmd struct {
	settings
	ID string `arg:"" help:"Id, as status prints it."`
}

func (migrateGoOnCmd) Help() string {
	return `Has a paused migration go on.
` + needsFolder + `

Example:

    radagora migrate continue --data /var/lib/radagora 01a2…`
}

// Run continues a migration.
func (c migrateGoOnCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.StudyFetch); err != nil {
			return err
		}
		return h.Exchange.MigrationGoOn(ctx, access.From(ctx).ID, at, c.ID)
	})
}

type migrateReportCmd struct {
	settings
	ID     string `arg:"" help:"Id, as status prints it."`
	Output string `short:"o" placeholder:"FILE" help:"Write here instead of printing; refused if it is there."`
}

func (migrateReportCmd) Help() string {
	return `Writes every study that is not the same there and here, and why, as CSV. It holds UIDs and days, no patients.
` + needsFolder + `

Example:

    radagora migrate report --data /var/lib/radagora 01a2… -o differences.csv`
}

// Run writes what differs.
func (c migrateReportCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) (err error) {
		if err := may(ctx, access.StudyFetch); err != nil {
			return err
		}
		if _, err := h.Exchange.Migration(ctx, at, c.ID); err != nil {
			return err
		}
		if c.Output == "" {
			return h.writeDifferences(ctx, c.ID, sys.Out)
		}
		f, err := os.OpenFile(c.Output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("--output: %w", trimPath(err, c.Output))
		}
		defer func() {
			if closed := f.Close(); err == nil {
				err = closed
			}
		}()
		return h.writeDifferences(ctx, c.ID, f)
	})
}
