package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/db"
	"radagora/fault"
)

// A Wrong is something that is not as it should be.
type Wrong struct {
	What string // piece, pack, object, table, journal, archive
	Name string // which one
	Err  error
}

// A Proof says what a verification compared, and what it did not.
type Proof struct {
	Backup    string
	Pieces    int   // whose digests were compared
	Bytes     int64 // of them
	Opened    bool  // everything was decrypted and compared with what was backed up
	Packs     int
	Objects   int64            // whose digests were compared
	Rows      map[string]int64 // by table, counted in the copy
	Integrity bool             // the database's own check found nothing
	Rooms     []string         // what the rooms proved of the copy
	Apart     int              // objects that are in packs the backup names and does not hold
	Where     map[string]int   // how many such packs there are, by place
	Wrong     []Wrong
}

// Good reports whether nothing is wrong.
func (p *Proof) Good() bool { return len(p.Wrong) == 0 }

func (p *Proof) wrong(what, name string, err error) {
	p.Wrong = append(p.Wrong, Wrong{what, name, err})
}

// Look compares every piece of a backup with its digest. It needs no secret, and
// so cannot look inside: that the pieces hold what was backed up is for Verify.
func (k *Keeper) Look(ctx context.Context, id string) (*Proof, error) {
	if k.c.Target == nil {
		return nil, errNoTarget
	}
	m, err := find(ctx, k.c.Target, k.keys.public(), id)
	if err != nil {
		return nil, err
	}
	p := &Proof{Backup: m.ID}
	return p, p.pieces(ctx, m, func(piece Piece) error {
		_, err := raw(ctx, k.c.Target, piece)
		return err
	})
}

// pieces calls check with every piece once.
func (p *Proof) pieces(ctx context.Context, m *Manifest, check func(Piece) error) error {
	seen := map[string]bool{}
	return m.each(func(piece Piece) error {
		if seen[string(piece.Name)] {
			return nil
		}
		seen[string(piece.Name)] = true
		if err := check(piece); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.wrong("piece", piece.file(), err)
			return nil
		}
		p.Pieces++
		p.Bytes += piece.Size
		return nil
	})
}

// A Prover looks at a restored copy with the rooms' own eyes: journal, archive. data
// is the folder with keys and files, packs left out; objects are those that the packs
// hold. It returns what it proved, and reports what is wrong.
type Prover func(ctx context.Context, d *db.DB, data string, objects func(blob.Ref) bool, wrong func(what, name string, err error)) ([]string, error)

// Verify reads a whole backup back into the folder scratch, which must be empty: the
// database, the files, and one pack at a time, of which every object is compared
// with its digest. Then the database is checked by itself and by the rooms. The
// error is why it could not be finished.
func Verify(ctx context.Context, s *Source, m *Manifest, scratch string, rooms Rooms, prove Prover) (*Proof, error) {
	p := &Proof{Backup: m.ID, Rows: map[string]int64{}}
	from, err := s.opener(m)
	if err != nil {
		return p, err
	}
	if err := p.pieces(ctx, m, func(piece Piece) error {
		_, err := from.read(ctx, piece)
		return err
	}); err != nil {
		return p, err
	}
	if p.Opened = p.Good(); !p.Opened {
		return p, nil // the rest cannot be read anyway
	}
	r := &Restore{Source: s, Backup: m, Data: filepath.Join(scratch, "data"), Rooms: rooms}
	if err := r.begin(); err != nil {
		return p, err
	}
	objects, err := p.packs(ctx, from, m, filepath.Join(r.Data, packsFolder))
	if err != nil {
		return p, err
	}
	for _, f := range m.Files {
		if err := r.file(ctx, from, f); err != nil {
			return p, err
		}
	}
	dsn, _, err := r.database(ctx, from)
	if err != nil {
		p.wrong("database", "", err)
		return p, nil //nolint:nilerr // it is what the proof says
	}
	return p, p.database(ctx, dsn, m, func(d *db.DB) error {
		if prove == nil {
			return nil
		}
		far := map[string]bool{}
		for _, e := range m.Elsewhere {
			far[e.Name] = true
		}
		apart := map[blob.Ref]bool{}
		p.Rooms, err = prove(ctx, d, r.Data, func(ref blob.Ref) bool {
			if far[ref.Pack] && !objects[ref] {
				apart[ref] = true
				return true
			}
			return objects[ref]
		}, p.wrong)
		p.Apart, p.Where = len(apart), m.Where()
		return err
	})
}

// packs restores one pack after the other, compares its objects and removes it.
func (p *Proof) packs(ctx context.Context, from *opener, m *Manifest, dir string) (map[blob.Ref]bool, error) {
	objects := map[blob.Ref]bool{}
	for _, pack := range m.Packs {
		if err := restorePack(ctx, from, pack, dir); err != nil {
			return nil, err
		}
		file, err := disk.OpenPack(dir, pack.Name)
		if err != nil {
			p.wrong("pack", pack.Name, err)
			continue
		}
		n := int64(0)
		err = file.Verify(ctx, func(r blob.Ref, wrong error) error {
			if wrong != nil {
				p.wrong("object", r.String(), wrong)
				return nil
			}
			n++
			objects[r] = true
			return nil
		})
		err = errors.Join(err, file.Close(), os.Remove(filepath.Join(dir, disk.FileName(pack.Name, pack.Sealed))))
		if err != nil {
			return nil, err
		}
		if n != pack.Objects {
			p.wrong("pack", pack.Name, fault.Errorf(fault.Internal, "%d objects; the backup says %d", n, pack.Objects))
		}
		p.Packs++
		p.Objects += n
	}
	return objects, nil
}

// database opens the copy, checks it and counts its rows.
func (p *Proof) database(ctx context.Context, dsn string, m *Manifest, then func(*db.DB) error) (err error) {
	d, err := db.Open(ctx, dsn, db.Options{SafetyCopies: -1})
	if err != nil {
		p.wrong("database", "", err)
		return nil
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	found, err := d.Integrity(ctx)
	if err != nil {
		return err
	}
	for _, text := range found {
		p.wrong("database", "integrity", fault.Errorf(fault.Internal, "%s", text))
	}
	p.Integrity = len(found) == 0
	if err = d.Snapshot(ctx, func(s *db.Snapshot) error { return p.Count(ctx, s, m) }); err != nil {
		return err
	}
	return then(d)
}

// Count counts the rows of a copy and compares them with what the backup says.
func (p *Proof) Count(ctx context.Context, s *db.Snapshot, m *Manifest) error {
	for _, t := range m.Database.Tables {
		n, err := s.Count(ctx, t.Name)
		if err != nil {
			return fmt.Errorf("count rows of %s: %w", t.Name, err)
		}
		p.Rows[t.Name] = n
		if n != t.Rows {
			p.wrong("table", t.Name, fault.Errorf(fault.Internal, "%d rows; the backup says %d", n, t.Rows))
		}
	}
	return nil
}

// Verified records that a backup was verified, and what came of it.
func (k *Keeper) Verified(ctx context.Context, p *Proof, failed error) error {
	run := Run{ID: db.NewID(), Started: k.c.Now(), Good: failed == nil && p != nil && p.Good()}
	if p != nil {
		run.Backup, run.Bytes, run.Proved = p.Backup, p.Bytes, p.JSON()
		if !p.Good() {
			run.Error = fmt.Sprintf("%s %s: %v", p.Wrong[0].What, p.Wrong[0].Name, p.Wrong[0].Err)
		}
	}
	if failed != nil {
		run.Error = failed.Error()
	}
	return k.record(ctx, run, "verify")
}

// JSON returns what was compared, for the journal.
func (p *Proof) JSON() json.RawMessage {
	rows := int64(0)
	for _, n := range p.Rows {
		rows += n
	}
	b, err := json.Marshal(map[string]any{
		"pieces": p.Pieces, "bytes": p.Bytes, "opened": p.Opened, "packs": p.Packs, "objects": p.Objects,
		"rows": rows, "integrity": p.Integrity, "wrong": len(p.Wrong),
	})
	if err != nil {
		return nil
	}
	return b
}
