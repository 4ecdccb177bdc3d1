package view

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// How often a view is copied.
const (
	Hourly  = "hour"
	Daily   = "day"
	Monthly = "month"
)

// Intervals returns how often a view can be copied.
func Intervals() []string { return []string{Hourly, Daily, Monthly} }

// Formats returns the formats of copies.
func Formats() []string { return []string{"csv", "xlsx", "parquet"} }

// periods are how the time of a copy stands in the name of its file, by how often.
var periods = map[string]string{Hourly: "2006-01-02-15", Daily: "2006-01-02", Monthly: "2006-01"}

// part is how the name of a file begins that is not whole yet; digits follow.
const part = ".radagora-"

// broken is how long nobody has written to a part before it counts as left behind.
const broken = 24 * time.Hour

// A Copy says how often a view is copied into the folder, and how that goes.
type Copy struct {
	View, Site string
	Name       string // of the view
	Every      string // one of Intervals
	Format     string // one of Formats
	OrderedBy  string
	OrderedAt  int64
	Period     string // of the last good copy, as in its name; "" before the first
	File       string // its name
	Bytes      int64
	CopiedAt   int64 // 0 before the first
	FailedAt   int64 // 0 while the last one is good
	Failure    string
}

// Due reports whether a copy is to be made at a time of the site.
func (c *Copy) Due(now time.Time) bool { return c.Period != now.Format(periods[c.Every]) }

// Late reports whether a copy failed, or none was made for more than two of its intervals.
func (c *Copy) Late(now time.Time) bool {
	if c.FailedAt > 0 {
		return true
	}
	last := time.UnixMilli(max(c.CopiedAt, c.OrderedAt))
	switch c.Every {
	case Hourly:
		last = last.Add(2 * time.Hour)
	case Daily:
		last = last.AddDate(0, 0, 2)
	default:
		last = last.AddDate(0, 2, 0)
	}
	return now.After(last)
}

const selectCopy = `select c.view_id, c.site_id, s.name, c.every, c.format, c.ordered_by, c.ordered_at, c.period, c.file, c.bytes, c.copied_at, c.failed_at, c.failure
	from doseview_copy c join doseview_saved s on s.view_id = c.view_id where c.site_id = $1`

func scanCopy(r *db.Rows) (c Copy, err error) {
	return c, r.Scan(&c.View, &c.Site, &c.Name, &c.Every, &c.Format, &c.OrderedBy, &c.OrderedAt, &c.Period, &c.File, &c.Bytes, &c.CopiedAt, &c.FailedAt, &c.Failure)
}

// Copies returns the copies of a site, by the name of their views.
func (s *Shelf) Copies(ctx context.Context, siteID string) ([]Copy, error) {
	return db.List(ctx, s.DB, scanCopy, selectCopy+` order by lower(s.name), c.view_id`, siteID)
}

// Order has a view copied from now on, on behalf of whoever asks; every "" ends it.
// Invalid: the settings name no folder, or the view is one of charts.
func (s *Shelf) Order(ctx context.Context, siteID, id, every, format string) error {
	v, err := s.Get(ctx, siteID, id)
	if err != nil {
		return err
	}
	switch {
	case every != "" && s.Folder == "":
		return fault.Errorf(fault.Invalid, "copies need a folder: whoever looks after this installation sets it by dose-copy-to")
	case every != "" && v.Shows == Charts:
		return fault.Errorf(fault.Invalid, "charts are no table: copy a view of a table")
	case every != "" && (!slices.Contains(Intervals(), every) || !slices.Contains(Formats(), format)):
		return fault.Errorf(fault.Invalid, "a copy is made each %s, as %s", strings.Join(Intervals(), ", "), strings.Join(Formats(), ", "))
	}
	who := access.From(ctx)
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from doseview_copy where site_id = $1 and view_id = $2`, siteID, id); err != nil {
			return err
		}
		if every != "" {
			if _, err := tx.Exec(ctx, `insert into doseview_copy (view_id, site_id, every, format, ordered_by, ordered_at, period, file, bytes, copied_at, failed_at, failure)
				values ($1, $2, $3, $4, $5, $6, '', '', 0, 0, 0, '')`, id, siteID, every, format, who.ID, db.Millis(s.Now())); err != nil {
				return err
			}
		}
		return s.journalled(ctx, tx, siteID, who.ID, "dose.view.copying", id, map[string]any{"every": every, "format": format})
	})
}

// A Writer writes the table of a view in a format.
type Writer func(ctx context.Context, v Saved, format string, w io.Writer) error

// Turn makes the copies whose time has come. One that fails is noted, tried again the
// next time, and keeps no other from being made. Parts that a server left in the folder
// when it was stopped in the middle of a copy are removed.
func (s *Shelf) Turn(ctx context.Context, siteID string, write Writer) error {
	if s.Folder == "" {
		return nil
	}
	here, err := s.Site(ctx, siteID)
	if err != nil {
		return err
	}
	now := s.Now().In(here.Location())
	if n, err := sweep(s.Folder, now); s.Log != nil && (n > 0 || err != nil) {
		s.Log.WarnContext(ctx, "parts of broken-off copies of dose views removed", "files", n, "all", err == nil)
	}
	all, err := s.Copies(ctx, siteID)
	if err != nil {
		return err
	}
	for _, c := range all {
		if !c.Due(now) {
			continue
		}
		if _, _, err := s.run(ctx, c, now, write); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Run copies a view now, whether it is due or not, and returns the file. NotFound: there
// is no copy of that view.
func (s *Shelf) Run(ctx context.Context, siteID, id string, write Writer) (Copy, error) {
	if s.Folder == "" {
		return Copy{}, fault.Errorf(fault.Invalid, "copies need a folder: set it by dose-copy-to")
	}
	all, err := db.List(ctx, s.DB, scanCopy, selectCopy+` and c.view_id = $2`, siteID, id)
	if err != nil {
		return Copy{}, err
	}
	if len(all) == 0 {
		return Copy{}, fault.Errorf(fault.NotFound, "view %s has no copy: say how often it is to be made", id)
	}
	here, err := s.Site(ctx, siteID)
	if err != nil {
		return Copy{}, err
	}
	c, failed, err := s.run(ctx, all[0], s.Now().In(here.Location()), write)
	return c, errors.Join(failed, err)
}

// run makes a copy and notes how that went. It returns why the copy failed, and why that
// could not be noted.
func (s *Shelf) run(ctx context.Context, c Copy, now time.Time, write Writer) (made Copy, failed, err error) {
	v, err := s.get(ctx, s.DB, c.Site, c.View)
	if err != nil {
		return c, nil, err
	}
	period := now.Format(periods[c.Every])
	name := FileName(v) + "-" + period + "." + c.Format
	size, failed := whole(s.Folder, name, func(w io.Writer) error { return write(ctx, v, c.Format, w) })
	if failed == nil {
		c.Period, c.File, c.Bytes, c.CopiedAt, c.FailedAt, c.Failure = period, name, size, db.Millis(s.Now()), 0, ""
	} else {
		c.FailedAt, c.Failure = db.Millis(s.Now()), fault.Of(failed).String()
		if s.Log != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "copy of a dose view failed", "view", c.View, "kind", fault.Of(failed).String())
		}
	}
	kind, data := "dose.view.copied", map[string]any{"format": c.Format, "file": name, "bytes": c.Bytes, "ordered_by": c.OrderedBy}
	if failed != nil {
		kind, data = "dose.view.missed", map[string]any{"format": c.Format, "kind": c.Failure, "ordered_by": c.OrderedBy}
	}
	err = s.DB.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `update doseview_copy set period = $3, file = $4, bytes = $5, copied_at = $6, failed_at = $7, failure = $8
			where site_id = $1 and view_id = $2`, c.Site, c.View, c.Period, c.File, c.Bytes, c.CopiedAt, c.FailedAt, c.Failure); err != nil {
			return err
		}
		return s.journalled(ctx, tx, c.Site, "system:dose", kind, c.View, data)
	})
	return c, failed, err
}

// FileName is how the name of a copy begins: what of the name of the view every file
// system takes, and the end of its id, so that no two are one.
func FileName(v Saved) string {
	var b strings.Builder
	for _, r := range strings.ToLower(v.Name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 60 {
			break
		}
	}
	return strings.Trim(strings.Trim(b.String(), "-")+"-"+v.ID[max(0, len(v.ID)-6):], "-")
}

// whole writes a file into a folder that is there, whole or not at all, in place of one of
// that name, and returns its size. What it holds is on disk when whole returns.
func whole(folder, name string, write func(io.Writer) error) (size int64, err error) {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return 0, fault.Errorf(fault.Unavailable, "folder for copies: %s is not there", folder)
	}
	f, err := os.CreateTemp(folder, part+"*")
	if err != nil {
		return 0, fault.Errorf(fault.Unavailable, "folder for copies: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Chmod(0o640)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(folder, name))
	}
	if err != nil {
		return 0, fault.As(fault.Unavailable, err)
	}
	return info.Size(), synced(folder)
}

// sweep removes the parts in a folder that nobody has written to for long, and returns how
// many. A folder that is not there has none: whole tells of it.
func sweep(folder string, now time.Time) (n int, err error) {
	all, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range all {
		number, ours := strings.CutPrefix(e.Name(), part)
		if !ours || number == "" || strings.Trim(number, "0123456789") != "" || !e.Type().IsRegular() {
			continue
		}
		info, failed := e.Info()
		if failed == nil && now.Sub(info.ModTime()) > broken {
			if failed = os.Remove(filepath.Join(folder, e.Name())); failed == nil {
				n++
			}
		}
		if failed != nil && !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return n, err
}

// synced makes the names in a folder durable, where there is a way to.
func synced(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
