package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/archive/exchange"
	"radagora/fault"
	"radagora/web"
)

// A migrationView shows how far migrations are.
type migrationView struct{ *view }

// How many rows the page lists.
const (
	mostDays  = 100
	mostApart = 100
)

// Migrations implements web.Migrations.
func (v migrationView) Migrations(ctx context.Context, id string) (p web.MigrationPage, err error) {
	if p.Peers, err = fetchView(v).callable(ctx); err != nil {
		return p, err
	}
	all, err := v.Exchange.Migrations(ctx, at)
	if err != nil {
		return p, err
	}
	for i, m := range all {
		p.All = append(p.All, web.Migration{ID: m.ID, Peer: m.Peer, State: string(m.State), First: m.First, Last: m.Last})
		if id == m.ID || id == "" && i == 0 {
			if p.Open, err = v.migration(ctx, m); err != nil {
				return p, err
			}
		}
	}
	if p.Open == nil {
		return p, nil
	}
	days, err := v.Exchange.Days(ctx, p.Open.ID, mostDays)
	if err != nil {
		return p, err
	}
	for _, d := range days {
		p.Days = append(p.Days, web.MigrationDay(d))
	}
	apart, err := v.Exchange.Differences(ctx, p.Open.ID, exchange.Difference{}, mostApart+1)
	if err != nil {
		return p, err
	}
	if p.More = len(apart) > mostApart; p.More {
		apart = apart[:mostApart]
	}
	for _, a := range apart {
		p.Apart = append(p.Apart, web.MigrationApart{
			Study: a.Study, Day: a.Day, Kind: a.Kind, Detail: a.Detail, Counted: a.Counted, There: a.There, Here: a.Here, Extra: a.Extra,
		})
	}
	return p, nil
}

// migration returns how far one is.
func (v migrationView) migration(ctx context.Context, m exchange.Migration) (*web.Migration, error) {
	out := web.Migration{
		ID: m.ID, Peer: m.Peer, State: string(m.State), Reason: m.Reason, Detail: m.Detail, First: m.First, Last: m.Last, Next: m.Next,
		AtOnce: m.AtOnce, AnHour: m.AnHour, Updated: m.Updated,
	}
	if m.From != m.Until {
		out.Hours = fmt.Sprintf("%02d:%02d–%02d:%02d", m.From/60, m.From%60, m.Until/60, m.Until%60)
	}
	out.Asked, out.Days = m.Progress()
	tallies, err := v.Exchange.Tallies(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range tallies {
		switch t.State {
		case exchange.StudyFound:
			out.Found = t.Studies
		case exchange.StudyBegun:
			out.Begun = t.Studies
		case exchange.StudyVerified:
			out.Verified = t.Studies
		case exchange.StudyDiffers:
			out.Differs = t.Studies
		case exchange.StudyOnlyHere:
			out.OnlyHere = t.Studies
			continue
		}
		out.Instances += t.Here
	}
	return &out, nil
}

// Migrate implements web.Migrations.
func (v migrationView) Migrate(ctx context.Context, f web.MigrationForm) error {
	if err := fetchView(v).mayFetch(ctx, ""); err != nil {
		return err
	}
	minute := func(text string) int {
		t, err := time.Parse("15:04", text)
		if err != nil {
			return 0
		}
		return t.Hour()*60 + t.Minute()
	}
	digits := func(day string) string { return strings.ReplaceAll(day, "-", "") }
	if _, err := v.Sites.Peer(ctx, at, f.Peer); err != nil {
		return err
	}
	_, err := v.Exchange.Migrate(ctx, access.From(ctx).ID, exchange.Migration{
		Site: at, Peer: f.Peer, First: digits(f.First), Last: digits(f.Last), From: minute(f.From), Until: minute(f.Until), AtOnce: f.AtOnce, AnHour: f.AnHour,
	})
	return err
}

// MigrationDo implements web.Migrations.
func (v migrationView) MigrationDo(ctx context.Context, id, do string) error {
	if err := fetchView(v).mayFetch(ctx, ""); err != nil {
		return err
	}
	x := v.Exchange
	change, ok := map[string]func(ctx context.Context, by, site, id string) error{
		"pause": x.MigrationPause, "continue": x.MigrationGoOn, "cancel": x.MigrationCancel, "again": x.MigrationAgain,
	}[do]
	if !ok {
		return fault.Errorf(fault.Invalid, "nothing is called that")
	}
	return change(ctx, access.From(ctx).ID, at, id)
}

// MigrationReport implements web.Migrations.
func (v migrationView) MigrationReport(ctx context.Context, id string, w io.Writer) error {
	m, err := v.Exchange.Migration(ctx, at, id)
	if err != nil {
		return err
	}
	return v.writeDifferences(ctx, m.ID, w)
}

// writeDifferences writes every study of a migration that is not the same there and
// here as CSV.
func (h *house) writeDifferences(ctx context.Context, id string, w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"study", "day", "state", "why", "said", "counted_there", "listed_there", "of_those_here", "only_here"}); err != nil {
		return err
	}
	var last exchange.Difference
	for {
		list, err := h.Exchange.Differences(ctx, id, last, 500)
		if err != nil {
			return err
		}
		for _, d := range list {
			n := func(i int64) string { return strconv.FormatInt(i, 10) }
			counted := ""
			if d.Counted >= 0 {
				counted = n(d.Counted)
			}
			if err := out.Write([]string{d.Study, d.Day, string(d.State), d.Kind, cell(d.Detail), counted, n(d.There), n(d.Here), n(d.Extra)}); err != nil {
				return err
			}
			last = d
		}
		if len(list) < 500 {
			out.Flush()
			return out.Error()
		}
	}
}

// cell keeps a spreadsheet from taking what a peer said for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
