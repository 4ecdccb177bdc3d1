package document

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// MostFile bounds the file of a version, in bytes.
const MostFile = 10 << 20

// mostEntries bounds how many names of a text document are looked at.
const mostEntries = 4096

// A File is what somebody brings as a version.
type File struct {
	Name  string
	Media string // found out by the room, not believed
	Bytes []byte
}

// A Draft is a version that somebody puts in: with a file, a link, or both.
type Draft struct {
	Label  string
	Change string
	Link   string
	File   File
}

// Media returns the media type of a file by its content, and of text by its name.
// Unsupported: it is none of those that are kept.
func Media(f File) (string, error) {
	raw := f.Bytes
	switch {
	case bytes.HasPrefix(raw, []byte("%PDF-")):
		return "application/pdf", nil
	case bytes.HasPrefix(raw, []byte("\xff\xd8\xff")):
		return "image/jpeg", nil
	case bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png", nil
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
		if media := officeMedia(raw); media != "" {
			return media, nil
		}
	case utf8.Valid(raw) && !bytes.ContainsRune(raw, 0) && slices.Contains([]string{".txt", ".md", ".csv"}, strings.ToLower(path.Ext(f.Name))):
		return "text/plain; charset=utf-8", nil
	}
	return "", fault.Errorf(fault.Unsupported, "the file is none of PDF, DOCX, ODT, JPEG, PNG, or UTF-8 text (.txt, .md, .csv): save it as one of them, or give a link")
}

// officeMedia tells the two text documents that are zip archives apart; "" for any other
// archive. Only names are read.
func officeMedia(raw []byte) string {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil || len(z.File) > mostEntries {
		return ""
	}
	has := func(name string) bool {
		return slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == name })
	}
	switch {
	case has("vbaProject.bin"), has("word/vbaProject.bin"):
		return "" // a document that runs programs
	case has("[Content_Types].xml") && has("word/document.xml"):
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case has("mimetype") && has("content.xml"):
		return "application/vnd.oasis.opendocument.text"
	}
	return ""
}

// Check refuses what cannot be a version, and says what the file is.
func (f *Draft) Check() (err error) {
	f.Label, f.Link = strings.TrimSpace(f.Label), strings.TrimSpace(f.Link)
	f.File.Name = plainName(f.File.Name)
	switch {
	case f.Label == "" || !text(f.Label, mostLine):
		return fault.Errorf(fault.Invalid, "version: say in 1 to %d bytes how the site calls it, such as 2.1", mostLine)
	case !text(f.Change, mostText):
		return fault.Errorf(fault.Invalid, "what is new: plain text of at most %d bytes", mostText)
	case f.Link == "" && len(f.File.Bytes) == 0:
		return fault.Errorf(fault.Invalid, "version: bring a file, or a link to where it is kept")
	case len(f.File.Bytes) > MostFile:
		return fault.Errorf(fault.Exhausted, "the file has more than %d bytes: make it smaller, or give a link", MostFile)
	}
	if f.Link != "" {
		u, err := url.Parse(f.Link)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || !text(f.Link, mostText) {
			return fault.Errorf(fault.Invalid, "link: it begins with https:// or http:// and names a machine, without a password")
		}
	}
	if len(f.File.Bytes) > 0 {
		f.File.Media, err = Media(f.File)
	}
	return err
}

// plainName is the last part of a name, of characters that every system takes.
func plainName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || strings.ContainsRune(`"<>|:*?/`, r) {
			return '_'
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > 120 {
		name = string(runes[len(runes)-120:])
	}
	if name == "." || name == ".." {
		return ""
	}
	return name
}

// Add puts in a version. It is in force once somebody else approved it. Conflict: the
// document is withdrawn; Unsupported and Exhausted: the file cannot be kept.
func (r *Register) Add(ctx context.Context, siteID, by, id string, f Draft) (*Document, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	today, err := r.day(ctx, siteID)
	if err != nil {
		return nil, err
	}
	v := Version{
		Label: f.Label, Change: strings.TrimSpace(f.Change), Link: f.Link, Media: f.File.Media, Bytes: int64(len(f.File.Bytes)), By: by, At: r.Now(), Day: today,
	}
	raw := f.File.Bytes
	if raw == nil {
		raw = []byte{}
	} else {
		sum := sha256.Sum256(raw)
		v.File, v.Digest = f.File.Name, hex.EncodeToString(sum[:])
		if v.File == "" {
			v.File = "document"
		}
	}
	return r.change(ctx, siteID, id, func(tx *db.Tx, d *Document) error {
		if len(d.Versions) > 0 {
			v.Number = d.Versions[0].Number
		}
		v.Number++
		_, err := tx.Exec(ctx, `insert into document_version (document_id, site_id, version, label, change, link, file_name, media_type, bytes, digest, content, made_by, made_at, made_day, approved_by, approved_at, approved_day)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', 0, '')`,
			d.ID, siteID, v.Number, v.Label, v.Change, v.Link, v.File, v.Media, v.Bytes, v.Digest, raw, by, db.Millis(v.At), v.Day)
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "document.version.added", d.ID, map[string]any{"number": d.Number, "version": v.Number, "bytes": v.Bytes, "media_type": v.Media, "link": v.Link != ""})
	})
}

// change does something with a document that is in use, and judges anew.
func (r *Register) change(ctx context.Context, siteID, id string, do func(tx *db.Tx, d *Document) error) (*Document, error) {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		d, err := r.find(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		if d.Withdrawn {
			return fault.Errorf(fault.Conflict, "document %d is withdrawn: take it into use again first", d.Number)
		}
		return do(tx, d)
	})
	if err != nil {
		return nil, err
	}
	if err := r.Judge(ctx, siteID); err != nil {
		return nil, err
	}
	return r.Find(ctx, siteID, id)
}

// Approve puts the latest version in force until the day of its next review. Forbidden:
// whoever put it in cannot approve it. Conflict: it is not the latest, or is approved.
func (r *Register) Approve(ctx context.Context, siteID, by, id string, version int64, next string) (*Document, error) {
	today, err := r.day(ctx, siteID)
	if err != nil {
		return nil, err
	}
	if err := checkNext(today, next); err != nil {
		return nil, err
	}
	return r.change(ctx, siteID, id, func(tx *db.Tx, d *Document) error {
		switch {
		case len(d.Versions) == 0 || d.Versions[0].Number != version:
			return fault.Errorf(fault.Conflict, "document %d: version %d is not the latest; read it again", d.Number, version)
		case d.Versions[0].Approved != "":
			return fault.Errorf(fault.Conflict, "document %d: version %d is approved already", d.Number, version)
		case d.Versions[0].By == by:
			return fault.Errorf(fault.Forbidden, "document %d: whoever put in version %d cannot approve it; a second person does", d.Number, version)
		}
		now := r.Now()
		_, err := tx.Exec(ctx, `update document_version set approved_by = $1, approved_at = $2, approved_day = $3 where document_id = $4 and version = $5`, by, db.Millis(now), today, d.ID, version)
		if err != nil {
			return err
		}
		if err := r.reviewed(ctx, tx, d, Review{Version: version, Day: today, Next: next, By: by, At: now}); err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "document.version.approved", d.ID, map[string]any{"number": d.Number, "version": version, "next_review": next})
	})
}

// Review says that the version in force stays good until a day. Conflict: no version is in
// force.
func (r *Register) Review(ctx context.Context, siteID, by, id, next string, expert bool, note string) (*Document, error) {
	today, err := r.day(ctx, siteID)
	if err != nil {
		return nil, err
	}
	if err := checkNext(today, next); err != nil {
		return nil, err
	}
	if !text(note, mostText) {
		return nil, fault.Errorf(fault.Invalid, "note: plain text of at most %d bytes", mostText)
	}
	return r.change(ctx, siteID, id, func(tx *db.Tx, d *Document) error {
		v := d.InForce()
		if v == nil {
			return fault.Errorf(fault.Conflict, "document %d: no version is in force; approve one first", d.Number)
		}
		if err := r.reviewed(ctx, tx, d, Review{Version: v.Number, Day: today, Next: next, Expert: expert, Note: note, By: by, At: r.Now()}); err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "document.version.reviewed", d.ID, map[string]any{"number": d.Number, "version": v.Number, "next_review": next, "expert": expert})
	})
}

// mostYears is how far ahead the next review can lie: a typing error lies farther.
const mostYears = 20

// checkNext refuses what is no day of a next review.
func checkNext(today, next string) error {
	at, err := time.Parse(time.DateOnly, next)
	if err != nil {
		return fault.Errorf(fault.Invalid, "next review: write the day as YYYY-MM-DD")
	}
	now, err := time.Parse(time.DateOnly, today)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	if !at.After(now) || at.After(now.AddDate(mostYears, 0, 0)) {
		return fault.Errorf(fault.Invalid, "next review: %s is not after today and within %d years", next, mostYears)
	}
	return nil
}

// reviewed keeps a review.
func (r *Register) reviewed(ctx context.Context, tx *db.Tx, d *Document, v Review) error {
	_, err := tx.Exec(ctx, `insert into document_review (review_id, document_id, site_id, version, day, next_day, expert, note, done_by, done_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, db.NewID(), d.ID, d.Site, v.Version, v.Day, v.Next, v.Expert, v.Note, v.By, db.Millis(v.At))
	return err
}

// Read confirms on behalf of an account that it read the version in force. Once more does
// nothing. Conflict: another version is in force.
func (r *Register) Read(ctx context.Context, siteID, by, id string, version int64) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		d, err := r.find(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		v := d.InForce()
		if v == nil || v.Number != version || d.Withdrawn {
			return fault.Errorf(fault.Conflict, "document %d: version %d is not in force; read the one that is", d.Number, version)
		}
		n, err := tx.Exec(ctx, `insert into document_reading (document_id, site_id, version, account, read_at) values ($1, $2, $3, $4, $5)
			on conflict (document_id, version, account) do nothing`, id, siteID, version, by, db.Millis(r.Now()))
		if err != nil || n == 0 {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "document.version.read", id, map[string]any{"number": d.Number, "version": version})
	})
}

// A Reading is what is asked of one reader.
type Reading struct {
	Account string
	At      time.Time // zero: not yet
}

// Readings returns who was to read the version in force and did or did not, and who read
// it without being asked. None without a version in force.
func (r *Register) Readings(ctx context.Context, siteID string, d *Document) ([]Reading, error) {
	v := d.InForce()
	if v == nil {
		return nil, nil
	}
	done, err := db.List(ctx, r.DB, func(row *db.Rows) (x Reading, err error) {
		var at int64
		err = row.Scan(&x.Account, &at)
		x.At = db.FromMillis(at)
		return x, err
	}, `select account, read_at from document_reading where document_id = $1 and version = $2 order by read_at`, d.ID, v.Number)
	if err != nil {
		return nil, err
	}
	readers, err := r.Readers(ctx, siteID)
	if err != nil {
		return nil, err
	}
	for _, p := range readers {
		asked := slices.ContainsFunc(p.Roles, func(role access.Role) bool { return slices.Contains(d.Head.Readers, role) })
		if asked && !slices.ContainsFunc(done, func(x Reading) bool { return x.Account == p.Account }) {
			done = append(done, Reading{Account: p.Account})
		}
	}
	return done, nil
}

// Open returns the file of a version. NotFound: there is none. Internal: it is not what
// was put in.
func (r *Register) Open(ctx context.Context, siteID, id string, version int64) (File, error) {
	type kept struct {
		File
		digest string
	}
	all, err := db.List(ctx, r.DB, func(row *db.Rows) (k kept, err error) {
		return k, row.Scan(&k.Name, &k.Media, &k.digest, &k.Bytes)
	}, `select file_name, media_type, digest, content from document_version where site_id = $1 and document_id = $2 and version = $3`, siteID, id, version)
	switch {
	case err != nil:
		return File{}, err
	case len(all) == 0 || all[0].Name == "":
		return File{}, fault.Errorf(fault.NotFound, "no file of this version")
	}
	if sum := sha256.Sum256(all[0].Bytes); hex.EncodeToString(sum[:]) != all[0].digest {
		return File{}, fault.Errorf(fault.Internal, "document %s, version %d: the file is not what was put in", id, version)
	}
	return all[0].File, nil
}
