package privacy

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// An Order says how a copy of everything about a person is made.
type Order struct {
	Reason   string                  // noted under the person's key
	Language string                  // of the page for people
	Say      func(key string) string // words of that page: title, made, site, room, kind, count, files, note
}

// A File is what the index of a copy says about one file in it.
type File struct {
	Name    string `json:"name"`
	Room    string `json:"room,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Records int    `json:"records,omitempty"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
}

// An Index is index.json of a copy.
type Index struct {
	Person string    `json:"person"` // as archive and journal name them
	Site   string    `json:"site"`
	Made   time.Time `json:"made"`
	By     string    `json:"by"`
	Law    []string  `json:"law"`
	Files  []File    `json:"files"`
}

// Export writes everything about a person to w as a zip archive: one JSON file for
// each room and kind, the objects, index.json with digests, and index.html for
// people (GDPR Art. 15, 20). It is in the journal before the first byte leaves.
func (d *Desk) Export(ctx context.Context, p access.Person, o Order, w io.Writer) (Index, error) {
	if err := access.Check(ctx, access.PersonExport, access.Subject{Site: p.Site, Person: p.ID}); err != nil {
		return Index{}, err
	}
	if err := short("export: reason", o.Reason, 1000); err != nil {
		return Index{}, err
	}
	h, err := d.hold(ctx, p)
	if err != nil {
		return Index{}, err
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		return d.noteIn(ctx, tx, p, "privacy.person.exported", map[string]any{"records": h.Count()}, map[string]any{"reason": o.Reason})
	})
	if err != nil {
		return Index{}, err
	}
	c := &copier{d: d, p: p, o: o, zip: zip.NewWriter(w), index: Index{
		Person: p.ID, Site: p.Site, Made: d.Now().UTC(), By: access.From(ctx).ID, Law: []string{"2016/679 15", "2016/679 20"}, Files: []File{},
	}}
	if err := c.all(ctx); err != nil {
		return c.index, err
	}
	return c.index, c.zip.Close()
}

// A copier writes a copy.
type copier struct {
	d     *Desk
	p     access.Person
	o     Order
	zip   *zip.Writer
	index Index

	open *File // of records
	out  *measured
}

// all writes the files in their order.
func (c *copier) all(ctx context.Context) error {
	if err := c.records(ctx, c.add); err != nil {
		return err
	}
	if err := c.end(); err != nil {
		return err
	}
	if c.d.Objects != nil {
		for object, err := range c.d.Objects(ctx, c.p) {
			if err != nil {
				return err
			}
			if err := c.object(object); err != nil {
				return err
			}
		}
	}
	err := c.file(File{Name: "index.html"}, func(w io.Writer) (int, error) { return 0, c.page(ctx, w) })
	if err != nil {
		return err
	}
	out, err := c.create("index.json")
	if err != nil {
		return err
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(c.index)
}

// records gives every record to each, room by room.
func (c *copier) records(ctx context.Context, each func(Room, access.Record) error) error {
	for _, room := range c.d.Rooms {
		for r, err := range room.Export(ctx, c.p) {
			if err != nil {
				return fmt.Errorf("export %s: %w", room.Name, err)
			}
			if err := each(room, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// add writes a record into the file of its room and kind: a JSON array. A kind that
// comes again after another gets a second file.
func (c *copier) add(room Room, r access.Record) error {
	if c.open == nil || c.open.Room != room.Name || c.open.Kind != r.Kind {
		if err := c.begin(room.Name, r.Kind); err != nil {
			return err
		}
	}
	line, err := json.Marshal(struct {
		ID   string          `json:"id"`
		Data json.RawMessage `json:"data"`
	}{r.ID, r.Data})
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	before := ",\n"
	if c.open.Records == 0 {
		before = "[\n"
	}
	c.open.Records++
	_, err = fmt.Fprintf(c.out, "%s%s", before, line)
	return err
}

// begin ends the file before and begins one for a kind of a room.
func (c *copier) begin(room, kind string) error {
	if err := c.end(); err != nil {
		return err
	}
	base := path.Join(word(room), word(kind))
	name := base + ".json"
	for n := 2; c.named(name); n++ {
		name = fmt.Sprintf("%s-%d.json", base, n)
	}
	out, err := c.create(name)
	c.open, c.out = &File{Name: name, Room: room, Kind: kind}, &measured{w: out, sum: sha256.New()}
	return err
}

// named reports whether a file has this name.
func (c *copier) named(name string) bool {
	return slices.ContainsFunc(c.index.Files, func(f File) bool { return f.Name == name })
}

// end ends the open file, if there is one.
func (c *copier) end() error {
	if c.open == nil {
		return nil
	}
	_, err := io.WriteString(c.out, "\n]\n")
	c.index.Files = append(c.index.Files, c.out.done(*c.open))
	c.open = nil
	return err
}

// object writes one object.
func (c *copier) object(o Object) error {
	name := path.Clean("objects/" + o.Name)
	if !strings.HasPrefix(name, "objects/") {
		return fault.Errorf(fault.Internal, "export: an object is named outside the copy")
	}
	return c.file(File{Name: name}, func(w io.Writer) (n int, err error) {
		r, err := o.Open()
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		_, err = io.Copy(w, r)
		return 0, err
	})
}

// create begins a file of the archive.
func (c *copier) create(name string) (io.Writer, error) {
	return c.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: c.index.Made})
}

// file writes a file and notes its digest in the index.
func (c *copier) file(f File, write func(io.Writer) (int, error)) error {
	out, err := c.create(f.Name)
	if err != nil {
		return err
	}
	m := &measured{w: out, sum: sha256.New()}
	if f.Records, err = write(m); err != nil {
		return err
	}
	c.index.Files = append(c.index.Files, m.done(f))
	return nil
}

// A measured writer counts and digests.
type measured struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

// Write implements io.Writer.
func (m *measured) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.sum.Write(b[:n])
	m.n += int64(n)
	return n, err
}

// done returns f with what was counted.
func (m *measured) done(f File) File {
	f.Bytes, f.SHA256 = m.n, hex.EncodeToString(m.sum.Sum(nil))
	return f
}

// word makes a name that is one part of a path.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, s)
	if s == "" {
		return "_"
	}
	return s
}
