package review

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/notice"
)

// How people were told of a case.
const (
	toldNow   = "now"
	toldLater = "later" // with others, in one line
	toldNever = "never" // it is of long ago
)

// tell sends word of a new case, and returns how. More than so many in a day are one
// line of the next digest; those of law and of substantial dose are never held back.
// An examination of long ago, as a migration brings them, is told to nobody.
func (d *Desk) tell(ctx context.Context, tx *db.Tx, s Settings, siteID string, c *opened, now time.Time) (string, error) {
	old := now.AddDate(0, 0, -s.NoticeDays).Format(time.DateOnly)
	if d.Post == nil || c.Facts.Day < old {
		return toldNever, nil
	}
	first := c.Legal || c.Substantial
	if !first {
		var n int
		begin := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
		err := tx.QueryRow(ctx, `select count(*) from review_case where site_id = $1 and told = $2 and told_at >= $3`,
			siteID, toldNow, db.Millis(begin)).Scan(&n)
		if err != nil {
			return "", err
		}
		if n >= s.DailyCap {
			return toldLater, nil
		}
	}
	severity := notice.Warning
	if first {
		severity = notice.Urgent
	}
	return toldNow, d.Post.Send(ctx, tx, notice.Message{
		Roles: []access.Role{access.Physicist}, Site: siteID, Kind: "dose.case.opened", Severity: severity,
		Path: fmt.Sprintf("/dose/cases/%d", c.Number),
		Args: map[string]string{
			"n": strconv.FormatInt(c.Number%1_000_000, 10), "title": d.roomName(ctx, siteID, c.Room),
			"what": strings.ReplaceAll(c.Quantity, "_", "-"), "percent": strconv.Itoa(int(min(100*c.Ratio, 99_999))),
		},
	})
}

// roomName returns a room as a notice may name it: in capitals and digits, as machines
// are called, so that nothing a person typed leaves by mail as it was typed.
func (d *Desk) roomName(ctx context.Context, siteID, room string) string {
	name := ""
	if d.RoomName != nil {
		name = d.RoomName(ctx, siteID, room)
	}
	title := strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			return c
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		}
		return '-'
	}, name)
	if title == "" {
		return "-"
	}
	return title[:min(len(title), 16)]
}

// digest sends one line about the cases that were held back before today.
func (d *Desk) digest(ctx context.Context, siteID string) error {
	if d.Post == nil {
		return nil
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update review_case set told = $1, told_at = $2 where site_id = $3 and told = $4`, "digest", db.Millis(d.Now()), siteID, toldLater)
		if err != nil || n == 0 {
			return err
		}
		return d.Post.Send(ctx, tx, notice.Message{
			Roles: []access.Role{access.Physicist}, Site: siteID, Kind: "dose.case.more", Path: "/dose/cases", Severity: notice.Info,
			Args: map[string]string{"n": strconv.FormatInt(min(n, 999_999), 10)},
		})
	})
}

// line keeps the early notices of an examination, and tells physicists and radiographers
// of one that is new. They open no case.
func (d *Desk) line(ctx context.Context, tx *db.Tx, siteID string, s Settings, f *Facts, results []Result) error {
	for _, r := range results {
		if !r.Over || r.Opens {
			continue
		}
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		now := d.Now()
		n, err := tx.Exec(ctx, `insert into review_line (site_id, study_uid, examination, rule_id, machine_id, day, result, told_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
			siteID, f.Study, f.Key, r.Rule, f.Machine, f.Day, string(raw), db.Millis(now))
		if err != nil {
			return err
		}
		if n == 0 || !r.Notice || d.Post == nil || f.Day < now.AddDate(0, 0, -s.NoticeDays).Format(time.DateOnly) {
			continue
		}
		err = d.Post.Send(ctx, tx, notice.Message{
			Roles: []access.Role{access.Physicist, access.Radiographer}, Site: siteID, Kind: "dose.line.early", Path: "/dose/cases", Severity: notice.Info,
			Args: map[string]string{
				"title": d.roomName(ctx, siteID, f.Room),
				"what":  strings.ReplaceAll(r.Quantity, "_", "-"), "percent": strconv.Itoa(int(min(100*r.Ratio, 99_999))),
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A Line is an early notice, or a number above a value that opens no case.
type Line struct {
	Study, Key, Machine, Day string
	Result
}

// Lines returns the lines since a day, the latest first.
func (d *Desk) Lines(ctx context.Context, siteID, since string) ([]Line, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (l Line, err error) {
		var raw string
		if err := r.Scan(&l.Study, &l.Key, &l.Machine, &l.Day, &raw); err != nil {
			return l, err
		}
		return l, json.Unmarshal([]byte(raw), &l.Result)
	}, `select study_uid, examination, machine_id, day, result from review_line where site_id = $1 and day >= $2
		order by day desc, study_uid, examination, rule_id limit 200`, siteID, since)
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
