package reject

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/dose/entry"
	"radagora/fault"
	"radagora/site"
)

// A Trial is what importing a log would do, or did.
type Trial struct {
	Batch  string   // "" of a dry run
	Digest string   // SHA-256 of the file, hexadecimal
	Format string   // csv, xlsx, xml
	Header []string // names of its columns
	Called []string // what it calls its machines
	Told   Told
	Taken  int
}

// Told is what a log tells.
type Told struct {
	Rows     int     `json:"rows"`
	Rejected int     `json:"rejected"` // of those taken
	Left     int     `json:"left"`     // rows that were not taken
	Wrong    []Wrong `json:"wrong"`    // why not, at most 1000
}

// mostWrong is how many mistakes of a file are kept.
const mostWrong = 1000

// Import takes the exposures of a log, or with dry only says what would happen. Rows with
// which something is wrong are left out and said; whoever imports sees them first. Of the
// file the columns that the layout names are kept, and the layout for the next file of
// that software. Invalid: it is no such table. Conflict: the same file was imported.
func (d *Desk) Import(ctx context.Context, siteID, by string, raw []byte, l Layout, dry bool) (t Trial, err error) {
	if err := l.check(); err != nil {
		return t, err
	}
	s, err := readLog(raw)
	if err != nil {
		return t, err
	}
	sum := sha256.Sum256(raw)
	t.Digest, t.Format = hex.EncodeToString(sum[:]), s.Format
	if head, _ := s.Header(); head >= 0 {
		t.Header = s.Lines[head]
	}
	rows, err := l.read(s, d.Now())
	if err != nil {
		return t, err
	}
	plan, err := d.Plan(ctx, siteID)
	if err != nil {
		return t, err
	}
	t.Called = place(rows, plan)
	if dry {
		err = d.DB.Read(ctx, func(tx *db.Tx) error { return d.choose(ctx, tx, siteID, "", rows, &t) })
		return t, err
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		before, err := d.batches(ctx, tx, `where site_id = $1 and digest = $2 and undone_at = 0`, siteID, t.Digest)
		if err != nil {
			return err
		}
		if len(before) > 0 {
			return fault.Errorf(fault.Conflict, "this file was imported as batch %s", before[0].ID)
		}
		t.Batch, t.Told, t.Taken = db.NewID(), Told{}, 0
		if err := d.choose(ctx, tx, siteID, t.Batch, rows, &t); err != nil {
			return err
		}
		if err := d.write(ctx, tx, siteID, t.Batch, rows); err != nil {
			return err
		}
		if err := d.keep(ctx, tx, siteID, by, l.reduced(s).WriteCSV(), l, t); err != nil {
			return err
		}
		if err := d.save(ctx, tx, siteID, by, l); err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "dose.reject.imported", t.Batch, map[string]any{
			"digest": t.Digest, "vendor": l.Vendor, "release": l.Release, "rows": t.Told.Rows, "taken": t.Taken, "rejected": t.Told.Rejected, "left": t.Told.Left,
		})
	})
	return t, err
}

// keep writes what became of a file.
func (d *Desk) keep(ctx context.Context, tx *db.Tx, siteID, by string, text []byte, l Layout, t Trial) error {
	layout, err := json.Marshal(l)
	if err != nil {
		return err
	}
	told, err := json.Marshal(t.Told)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into dose_reject_batch (batch_id, site_id, vendor, release, format, layout, digest, content, told, taken, done_by, done_at, undone_by, undone_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', 0)`,
		t.Batch, siteID, l.Vendor, l.Release, t.Format, string(layout), t.Digest, text, string(told), t.Taken, by, db.Millis(d.Now()))
	return err
}

// place finds out which machine each row is of, and returns what the log calls them.
func place(rows []exposure, plan *site.Plan) []string {
	named := map[string]string{} // "" where several are called so
	put := func(name, id string) {
		if was, taken := named[name]; taken && was != id {
			id = ""
		}
		named[name] = id
	}
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			names := []string{m.ID, m.Name, m.Station, m.Serial}
			if len(room.Machines) == 1 {
				names = append(names, room.Name)
			}
			slices.Sort(names)
			for _, name := range slices.Compact(names) {
				if name != "" {
					put(name, m.ID)
				}
			}
		}
	}
	var called []string
	seen := map[string]bool{}
	for i := range rows {
		x := &rows[i]
		if x.called != "" && !seen[x.called] {
			seen[x.called] = true
			called = append(called, x.called)
		}
		if x.machine == "" {
			x.machine = named[x.called]
		}
		if m, ok := plan.Machine(x.machine); ok {
			x.machine = m.ID
		} else {
			x.wrong = append(x.wrong, Wrong{x.line, "machine", WrongMachine})
		}
	}
	slices.Sort(called)
	return called
}

// print is the same for the same exposure in another file. nth tells apart exposures of
// one file of which the log says the same.
func (x *exposure) print(nth int) string {
	index := ""
	if x.index != nil {
		index = fmt.Sprint(*x.index)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		x.machine, x.day, x.clock, x.exam, x.view, fmt.Sprint(x.rejected), x.reason, index, fmt.Sprint(nth),
	}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// choose leaves out rows that another file tells of, and counts.
func (d *Desk) choose(ctx context.Context, tx *db.Tx, siteID, batch string, rows []exposure, t *Trial) error {
	first, last := "9", ""
	for i := range rows {
		if x := &rows[i]; len(x.wrong) == 0 {
			first, last = min(first, x.day), max(last, x.day)
		}
	}
	there := map[string]bool{}
	_, err := db.List(ctx, tx, func(r *db.Rows) (struct{}, error) {
		var known string
		err := r.Scan(&known)
		there[known] = true
		return struct{}{}, err
	}, `select fingerprint from dose_reject_row where site_id = $1 and day between $2 and $3 and batch_id <> $4`, siteID, first, last, batch)
	if err != nil {
		return err
	}
	t.Told.Rows = len(rows)
	nth := map[string]int{}
	for i := range rows {
		x := &rows[i]
		if len(x.wrong) == 0 {
			one := x.print(0)
			nth[one]++
			if x.fingerprint = x.print(nth[one]); there[x.fingerprint] {
				x.wrong = append(x.wrong, Wrong{x.line, "", WrongTwice})
			}
		}
		if len(x.wrong) > 0 {
			t.Told.Left++
			t.Told.Wrong = append(t.Told.Wrong, x.wrong[:min(len(x.wrong), mostWrong-len(t.Told.Wrong))]...)
			continue
		}
		t.Taken++
		if x.rejected {
			t.Told.Rejected++
		}
	}
	return nil
}

// rowsAtOnce is how many rows one statement writes.
const rowsAtOnce = 500

// write writes the rows with which nothing is wrong.
func (*Desk) write(ctx context.Context, tx *db.Tx, siteID, batch string, rows []exposure) error {
	var marks []string
	var args []any
	flush := func() error {
		if len(marks) == 0 {
			return nil
		}
		_, err := tx.Exec(ctx, `insert into dose_reject_row (batch_id, line, site_id, machine_id, day, exam, view, rejected, reason, exposure, fingerprint) values `+strings.Join(marks, ", "), args...)
		marks, args = nil, nil
		return err
	}
	for i := range rows {
		x := &rows[i]
		if len(x.wrong) > 0 {
			continue
		}
		var one []string
		for j := range 11 {
			one = append(one, fmt.Sprintf("$%d", len(args)+j+1))
		}
		marks = append(marks, "("+strings.Join(one, ", ")+")")
		args = append(args, batch, x.line, siteID, x.machine, x.day, x.exam, x.view, x.rejected, x.reason, x.index, x.fingerprint)
		if len(marks) == rowsAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// A Batch is a log that was imported.
type Batch struct {
	ID       string
	Format   string
	Layout   Layout
	Digest   string
	Told     Told
	Taken    int
	By       string
	At       time.Time
	UndoneBy string
	UndoneAt time.Time // zero while it stands
}

// Batches returns the logs that were imported, the latest first.
func (d *Desk) Batches(ctx context.Context, siteID string) ([]Batch, error) {
	return d.batches(ctx, d.DB, `where site_id = $1 order by done_at desc, batch_id desc`, siteID)
}

// batches reads logs that were imported.
func (*Desk) batches(ctx context.Context, q db.Querier, where string, args ...any) ([]Batch, error) {
	return db.List(ctx, q, func(r *db.Rows) (x Batch, err error) {
		var layout, told string
		var at, undone int64
		if err := r.Scan(&x.ID, &x.Format, &layout, &x.Digest, &told, &x.Taken, &x.By, &at, &x.UndoneBy, &undone); err != nil {
			return x, err
		}
		if x.At = db.FromMillis(at); undone != 0 {
			x.UndoneAt = db.FromMillis(undone)
		}
		if err := json.Unmarshal([]byte(layout), &x.Layout); err != nil {
			return x, fault.Errorf(fault.Internal, "reject log %s: %w", x.ID, err)
		}
		if err := json.Unmarshal([]byte(told), &x.Told); err != nil {
			return x, fault.Errorf(fault.Internal, "reject log %s: %w", x.ID, err)
		}
		return x, nil
	}, `select batch_id, format, layout, digest, told, taken, done_by, done_at, undone_by, undone_at from dose_reject_batch `+where, args...)
}

// Undo takes a log back as a whole. The file and what became of it stay; its rows count no
// more, and the same file may be imported again. NotFound: no log that stands.
func (d *Desk) Undo(ctx context.Context, siteID, by, id string) error {
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update dose_reject_batch set undone_by = $3, undone_at = $4 where site_id = $1 and batch_id = $2 and undone_at = 0`,
			siteID, id, by, db.Millis(d.Now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "no reject log %s that stands", id)
		}
		if n, err = tx.Exec(ctx, `delete from dose_reject_row where batch_id = $1`, id); err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "dose.reject.undone", id, map[string]any{"rows": n})
	})
}

// Rebuild reads the logs that stand again, in the order in which they came.
func (d *Desk) Rebuild(ctx context.Context) error {
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from dose_reject_row`); err != nil {
			return err
		}
		ids, err := db.List(ctx, tx, func(r *db.Rows) (x [2]string, err error) { return x, r.Scan(&x[0], &x[1]) },
			`select site_id, batch_id from dose_reject_batch where undone_at = 0 order by done_at, batch_id`)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := d.again(ctx, tx, id[0], id[1]); err != nil {
				return err
			}
		}
		return nil
	})
}

// again reads one log again.
func (d *Desk) again(ctx context.Context, tx *db.Tx, siteID, id string) error {
	var raw []byte
	if err := tx.QueryRow(ctx, `select content from dose_reject_batch where batch_id = $1`, id).Scan(&raw); err != nil {
		return err
	}
	all, err := d.batches(ctx, tx, `where site_id = $1 and batch_id = $2`, siteID, id)
	if err != nil {
		return err
	}
	s, err := entry.ReadSheet(raw)
	if err != nil {
		return err
	}
	rows, err := all[0].Layout.read(s, d.Now())
	if err != nil {
		return err
	}
	plan, err := d.Plan(ctx, siteID)
	if err != nil {
		return err
	}
	place(rows, plan)
	var t Trial
	if err := d.choose(ctx, tx, siteID, id, rows, &t); err != nil {
		return err
	}
	if err := d.write(ctx, tx, siteID, id, rows); err != nil {
		return err
	}
	told, err := json.Marshal(t.Told)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update dose_reject_batch set told = $2, taken = $3 where batch_id = $1`, id, string(told), t.Taken)
	return err
}
