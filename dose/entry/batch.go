package entry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/db"
	"radagora/dose"
	"radagora/fault"
	"radagora/ucum"
)

// A Trial is what importing a table would do, or did.
type Trial struct {
	Batch  string   // "" of a dry run, or if there was nothing to take
	Digest string   // SHA-256 of the file, hexadecimal
	Format string   // csv, xlsx
	About  string   // the first words of a workbook
	Header []string // names of its columns
	Called []string // what it calls its machines
	Told   Told
	Taken  int
}

// Told is what a file tells.
type Told struct {
	Rows  int     `json:"rows"`  // examinations
	Years []Year  `json:"years"` // by machine and year, sorted
	Left  []Left  `json:"left"`  // rows that were not taken
	Wrong []Wrong `json:"wrong"` // everything that is wrong with them
}

// A Year is what one machine did in a year.
type Year struct {
	Called  string                   `json:"called"`  // as the file calls the machine
	Machine string                   `json:"machine"` // id, "" if nobody knows
	Year    string                   `json:"year"`    // "" of rows without a day
	Count   int                      `json:"count"`
	Sums    map[dose.Quantity]string `json:"sums"`
}

// A Left row is one that was not taken.
type Left struct {
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	Rule   string `json:"rule"`
	Called string `json:"called,omitempty"`
	Year   string `json:"year,omitempty"`
}

// Import takes the examinations of a table, or with dry only says what would happen.
// Rows with which something is wrong are left out and said; whoever imports sees them
// first. The file is kept whole. Invalid: it is no such table. Conflict: the same file was
// imported already.
func (b *Book) Import(ctx context.Context, siteID, by string, raw []byte, l Layout, dry bool) (t Trial, err error) {
	sum := sha256.Sum256(raw)
	t.Digest = hex.EncodeToString(sum[:])
	s, err := readSheet(raw)
	if err != nil {
		return t, err
	}
	t.Format, t.About = s.format, s.about
	if head, _ := s.header(); head >= 0 {
		t.Header = s.lines[head]
	}
	if _, version, ok := strings.Cut(s.about, "OpenREM version "); ok && l.Product == OpenREM && l.Release == "" {
		l.Release, _, _ = strings.Cut(version, " ")
	}
	rows, err := l.read(s)
	if err != nil {
		return t, err
	}
	t.Called = called(rows)
	rules, err := newRuler(b.Content, siteID, b.Now())
	if err != nil {
		return t, err
	}
	if dry {
		err = b.try(ctx, siteID, by, rows, rules, l, &t)
		return t, err
	}
	err = b.DB.Write(ctx, func(tx *db.Tx) error {
		before, err := b.batches(ctx, tx, `where site_id = $1 and digest = $2 and undone_at = 0`, siteID, t.Digest)
		if err != nil {
			return err
		}
		if len(before) > 0 {
			return fault.Errorf(fault.Conflict, "this file was imported as batch %s", before[0].ID)
		}
		t.Batch = db.NewID()
		return b.take(ctx, tx, siteID, by, raw, rows, rules, l, &t)
	})
	return t, err
}

// errTried ends a transaction that was for trying.
var errTried = fault.Errorf(fault.Internal, "it was only tried")

// try takes rows and takes that back.
func (b *Book) try(ctx context.Context, siteID, by string, rows []row, rules ruler, l Layout, t *Trial) error {
	err := b.DB.Write(ctx, func(tx *db.Tx) error {
		*t = Trial{Digest: t.Digest, Format: t.Format, About: t.About, Header: t.Header, Called: t.Called}
		if err := b.take(ctx, tx, siteID, by, nil, rows, rules, l, t); err != nil {
			return err
		}
		return errTried
	})
	t.Batch = ""
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}

// class returns how doses of a layout became known.
func (l Layout) class() dose.Class {
	if l.Product == "" {
		return dose.FromManual
	}
	return dose.FromImport
}

// take writes rows as entries of a batch.
func (b *Book) take(ctx context.Context, tx *db.Tx, siteID, by string, raw []byte, rows []row, rules ruler, l Layout, t *Trial) error {
	layout, err := json.Marshal(l)
	if err != nil {
		return err
	}
	batch := Batch{ID: t.Batch, Site: siteID, Class: l.class(), Layout: l, Digest: t.Digest, By: by, At: b.Now()}
	if err := b.takeRows(ctx, tx, batch, rows, rules, t, nil); err != nil {
		return err
	}
	told, err := json.Marshal(t.Told)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into dose_entry_batch (batch_id, site_id, class, product, release, format, layout, digest, content, told, taken,
		done_by, done_at, undone_by, undone_at, signed_by, signed_at, signed)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '', 0, '', 0, '')`,
		t.Batch, siteID, string(batch.Class), l.Product, l.Release, t.Format, string(layout), t.Digest, append([]byte{}, raw...), string(told), t.Taken,
		by, db.Millis(batch.At))
	if err != nil {
		return err
	}
	return b.journalled(ctx, tx, siteID, by, "dose.entry.imported", t.Batch,
		map[string]any{"digest": t.Digest, "product": l.Product, "release": l.Release, "rows": t.Told.Rows, "taken": t.Taken, "left": len(t.Told.Left)})
}

// takeRows writes rows as entries. have are the entries of the batch that are there
// already, by line.
func (b *Book) takeRows(ctx context.Context, tx *db.Tx, batch Batch, rows []row, rules ruler, t *Trial, have map[int]Entry) error {
	plan, err := b.Machines.Plan(ctx, tx, batch.Site)
	if err != nil {
		return err
	}
	names := &naming{plan: plan, said: batch.Layout.Machines}
	account := accounts{}
	t.Told = Told{Rows: len(rows), Years: []Year{}, Left: []Left{}, Wrong: []Wrong{}}
	var studies []string
	for _, r := range rows {
		x := r.record
		x.Origin = batch.origin(r.line)
		if r.called != "" && x.Machine == "" {
			x.Machine = names.said[r.called]
		}
		wrong := r.wrong
		if len(wrong) == 0 {
			if err := b.place(ctx, tx, batch.Site, &x, names); err != nil {
				return err
			}
			for _, w := range rules.check(&x) {
				wrong = append(wrong, Wrong{r.line, w.Column, w.Rule})
			}
			x.balanced()
		}
		if len(wrong) > 0 {
			t.left(r, x, wrong, account)
			continue
		}
		e, known := have[r.line]
		if !known {
			e = Entry{ID: db.NewID(), Site: batch.Site, Class: batch.Class, Batch: batch.ID, Line: r.line, Version: 1, State: Stands}
		}
		if known && (e.State != Stands || e.Version > 1 || e.Record.fingerprint() == x.fingerprint()) {
			account.add(r.called, x)
			t.Taken++
			continue // somebody decided about it, or nothing changed
		}
		e.By, e.At, e.Record = batch.By, batch.At, x
		twice, err := b.twice(ctx, tx, e)
		if err != nil {
			return err
		}
		if twice != "" {
			t.left(r, x, []Wrong{{r.line, "", WrongTwice}}, account)
			continue
		}
		kind := "entered"
		if known {
			kind = "read_again"
		}
		if err := b.write(ctx, tx, &e, kind, ""); err != nil {
			return err
		}
		account.add(r.called, x)
		studies = append(studies, e.Study)
		t.Taken++
	}
	t.Told.Years = account.years()
	return b.Ledger.Enter(ctx, tx, batch.Site, studies...)
}

// left notes a row that is not taken.
func (t *Trial) left(r row, x Record, wrong []Wrong, account accounts) {
	year := ""
	if len(x.Day) > 4 {
		year = x.Day[:4]
	}
	t.Told.Wrong = append(t.Told.Wrong, wrong...)
	t.Told.Left = append(t.Told.Left, Left{r.line, wrong[0].Column, wrong[0].Rule, r.called, year})
	account.add(r.called, x)
}

// origin says where a row of a batch comes from.
func (b Batch) origin(line int) string {
	name := strings.TrimSpace(b.Layout.Product + " " + b.Layout.Release)
	if name == "" {
		name = "table"
	}
	return name + " sha256:" + b.Digest[:12] + " line " + strconv.Itoa(line)
}

// accounts add up what rows tell, by machine and year.
type accounts map[[2]string]*Year

// add adds a row.
func (a accounts) add(called string, x Record) {
	year := ""
	if len(x.Day) > 4 {
		year = x.Day[:4]
	}
	if called == "" {
		called = x.Station
	}
	k := [2]string{called, year}
	y := a[k]
	if y == nil {
		y = &Year{Called: called, Machine: x.Machine, Year: year, Sums: map[dose.Quantity]string{}}
		a[k] = y
	}
	if y.Machine == "" {
		y.Machine = x.Machine
	}
	y.Count++
	for _, s := range Sums {
		if n, ok := x.sum(s.Quantity); ok {
			y.Sums[s.Quantity] = plus(y.Sums[s.Quantity], n)
		}
	}
}

// plus adds a number to one that is text, "" is 0.
func plus(sum string, n ucum.Decimal) string {
	if was, err := ucum.ParseDecimal(sum); err == nil {
		n = n.Add(was)
	}
	return n.String()
}

// years returns the accounts, sorted.
func (a accounts) years() []Year {
	all := make([]Year, 0, len(a))
	for _, y := range a {
		all = append(all, *y)
	}
	slices.SortFunc(all, func(x, y Year) int {
		return strings.Compare(x.Called+"\x00"+x.Year, y.Called+"\x00"+y.Year)
	})
	return all
}

// A Batch is a file that was imported.
type Batch struct {
	ID       string
	Site     string
	Class    dose.Class
	Format   string
	Layout   Layout
	Digest   string
	Told     Told
	Taken    int
	By       string
	At       time.Time
	UndoneBy string
	UndoneAt time.Time // zero while it stands
	SignedBy string
	SignedAt time.Time // zero while it is not reconciled
	Signed   string    // JSON of what was signed
}

// Batches returns the files that were imported, the latest first.
func (b *Book) Batches(ctx context.Context, siteID string) ([]Batch, error) {
	return b.batches(ctx, b.DB, `where site_id = $1 order by done_at desc, batch_id desc`, siteID)
}

// Batch returns a file that was imported. NotFound: there is none.
func (b *Book) Batch(ctx context.Context, q db.Querier, siteID, id string) (Batch, error) {
	all, err := b.batches(ctx, q, `where site_id = $1 and batch_id = $2`, siteID, id)
	if err != nil {
		return Batch{}, err
	}
	if len(all) == 0 {
		return Batch{}, fault.Errorf(fault.NotFound, "no import %s", id)
	}
	return all[0], nil
}

// batches reads files that were imported.
func (*Book) batches(ctx context.Context, q db.Querier, where string, args ...any) ([]Batch, error) {
	return db.List(ctx, q, func(r *db.Rows) (x Batch, err error) {
		var layout, told string
		var at, undone, signed int64
		if err := r.Scan(&x.ID, &x.Site, &x.Class, &x.Format, &layout, &x.Digest, &told, &x.Taken, &x.By, &at, &x.UndoneBy, &undone, &x.SignedBy, &signed, &x.Signed); err != nil {
			return x, err
		}
		x.At, x.UndoneAt, x.SignedAt = db.FromMillis(at), since(undone), since(signed)
		if err := json.Unmarshal([]byte(layout), &x.Layout); err != nil {
			return x, fault.Errorf(fault.Internal, "import %s: %w", x.ID, err)
		}
		if err := json.Unmarshal([]byte(told), &x.Told); err != nil {
			return x, fault.Errorf(fault.Internal, "import %s: %w", x.ID, err)
		}
		return x, nil
	}, `select batch_id, site_id, class, format, layout, digest, told, taken, done_by, done_at, undone_by, undone_at, signed_by, signed_at, signed
		from dose_entry_batch `+where, args...)
}

// since returns an instant, the zero time for 0.
func since(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return db.FromMillis(millis)
}

// Undo takes an import back as a whole. Its entries stay with their history and count
// no more; the same file may be imported again. NotFound: no import that stands.
func (b *Book) Undo(ctx context.Context, siteID, by, id string) error {
	return b.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update dose_entry_batch set undone_by = $3, undone_at = $4 where site_id = $1 and batch_id = $2 and undone_at = 0`,
			siteID, id, by, db.Millis(b.Now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "no import %s that stands", id)
		}
		all, err := db.List(ctx, tx, scanEntry, selectEntry+` where site_id = $1 and batch_id = $2 and state = $3`, siteID, id, Stands)
		if err != nil {
			return err
		}
		studies := make([]string, 0, len(all))
		for _, e := range all {
			e.State, e.Version, e.By, e.At = Withdrawn, e.Version+1, by, b.Now()
			if err := b.write(ctx, tx, &e, "withdrawn", "import undone"); err != nil {
				return err
			}
			studies = append(studies, e.Study)
		}
		if err := b.Ledger.Enter(ctx, tx, siteID, studies...); err != nil {
			return err
		}
		return b.journalled(ctx, tx, siteID, by, "dose.entry.undone", id, map[string]any{"entries": len(all)})
	})
}

// Reread implements dose.Entries: it reads every file that stands again. Rows that are
// there already, and those that people decided about, stay as they are unless they read
// otherwise now.
func (b *Book) Reread(ctx context.Context, tx *db.Tx) (map[string][]string, error) {
	type kept struct {
		batch Batch
		raw   []byte
	}
	ids, err := db.List(ctx, tx, func(r *db.Rows) (x [2]string, err error) { return x, r.Scan(&x[0], &x[1]) },
		`select site_id, batch_id from dose_entry_batch where undone_at = 0 order by done_at, batch_id`)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		var k kept
		if k.batch, err = b.Batch(ctx, tx, id[0], id[1]); err != nil {
			return nil, err
		}
		if err := tx.QueryRow(ctx, `select content from dose_entry_batch where site_id = $1 and batch_id = $2`, id[0], id[1]).Scan(&k.raw); err != nil {
			return nil, err
		}
		if err := b.reread(ctx, tx, k.batch, k.raw); err != nil {
			return nil, err
		}
	}
	all := map[string][]string{}
	studies, err := db.List(ctx, tx, func(r *db.Rows) (x [2]string, err error) { return x, r.Scan(&x[0], &x[1]) },
		`select distinct site_id, study_uid from dose_entry where state = 'stands' order by site_id, study_uid`)
	for _, s := range studies {
		all[s[0]] = append(all[s[0]], s[1])
	}
	return all, err
}

// reread reads the file of one batch again.
func (b *Book) reread(ctx context.Context, tx *db.Tx, batch Batch, raw []byte) error {
	s, err := readSheet(raw)
	if err != nil {
		return err
	}
	rows, err := batch.Layout.read(s)
	if err != nil {
		return nil //nolint:nilerr // everything of it was erased: its entries are what is left
	}
	rules, err := newRuler(b.Content, batch.Site, b.Now())
	if err != nil {
		return err
	}
	list, err := db.List(ctx, tx, scanEntry, selectEntry+` where site_id = $1 and batch_id = $2`, batch.Site, batch.ID)
	if err != nil {
		return err
	}
	have := map[int]Entry{}
	for _, e := range list {
		have[e.Line] = e
	}
	t := Trial{Digest: batch.Digest}
	if err := b.takeRows(ctx, tx, batch, rows, rules, &t, have); err != nil {
		return err
	}
	told, err := json.Marshal(t.Told)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update dose_entry_batch set told = $3, taken = $4 where site_id = $1 and batch_id = $2`, batch.Site, batch.ID, string(told), t.Taken)
	return err
}
