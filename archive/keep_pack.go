package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"radagora/blob"
	"radagora/db"
	"radagora/fault"
)

// A Pack is how a pack stands.
type Pack struct {
	Name    string
	Bytes   int64
	Sealed  bool
	Seen    time.Time // when it was first looked at
	Read    time.Time // when the scrub last read it to its end; the zero time if never
	ReadTo  int64     // how far this pass has come
	Objects int64     // that were read then
	Damaged int64     // of those, not mended
	Copied  time.Time // when its copy in the second place was verified
}

// packs returns the store as one of packs.
func (a *Archive) packs() (blob.Packs, error) {
	p, ok := a.Blobs.(blob.Packs)
	if !ok {
		return nil, fault.Errorf(fault.Unsupported, "the store of objects has no packs")
	}
	return p, nil
}

const fromPack = `select pack, size_bytes, sealed, seen_ms, read_ms, read_to, objects, damaged, copied_ms from pack_state `

func scanPack(r *db.Rows) (p Pack, err error) {
	var seen, read, copied int64
	err = r.Scan(&p.Name, &p.Bytes, &p.Sealed, &seen, &read, &p.ReadTo, &p.Objects, &p.Damaged, &copied)
	p.Seen, p.Read, p.Copied = db.FromMillis(seen), db.FromMillis(read), db.FromMillis(copied)
	return p, err
}

// Packs returns how packs stand, those first that were not read for longest, at most
// limit behind the first offset ones. See Survey.
func (a *Archive) Packs(ctx context.Context, offset, limit int) ([]Pack, error) {
	return db.List(ctx, a.DB, scanPack, fromPack+`order by damaged desc, read_ms, pack limit $1 offset $2`, limit, offset)
}

// Survey notes which packs there are and how large they are.
func (a *Archive) Survey(ctx context.Context) error {
	store, err := a.packs()
	if err != nil {
		return err
	}
	was := map[string]Pack{}
	known, err := db.List(ctx, a.DB, scanPack, fromPack)
	if err != nil {
		return err
	}
	for _, p := range known {
		was[p.Name] = p
	}
	var changed []blob.Pack
	for p, err := range store.Packs(ctx) {
		if err != nil {
			return err
		}
		if w, ok := was[p.Name]; !ok || w.Bytes != p.Size || w.Sealed != p.Sealed {
			changed = append(changed, p)
		}
		delete(was, p.Name)
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		for _, p := range changed {
			_, err := tx.Exec(ctx, `insert into pack_state (pack, site_id, size_bytes, sealed, seen_ms) values ($1, '', $2, $3, $4)
				on conflict (pack) do update set size_bytes = excluded.size_bytes, sealed = excluded.sealed`, p.Name, p.Size, p.Sealed, db.Millis(a.Now()))
			if err != nil {
				return err
			}
		}
		for name := range was {
			if _, err := tx.Exec(ctx, `delete from pack_state where pack = $1 and superseded_ms = 0`, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// Repack has the store win room from what was removed and from small packs, and drops
// the packs that nothing refers to any more, with their copies. One process at a time
// may do it.
func (a *Archive) Repack(ctx context.Context) (blob.Repacked, error) {
	var did blob.Repacked
	if err := a.Survey(ctx); err != nil {
		return did, err
	}
	r, ok := a.Blobs.(blob.Repacker)
	if !ok {
		return did, nil
	}
	left := map[string]bool{}
	did, err := r.Repack(ctx, a.Now(), func(ctx context.Context, from, to blob.Ref) (bool, error) {
		if !left[from.Pack] {
			if err := a.supersede(ctx, from.Pack); err != nil {
				return false, err
			}
			left[from.Pack] = true
		}
		return a.Move(ctx, from, to)
	})
	return did, errors.Join(err, a.dropSuperseded(ctx))
}

// supersede notes that the objects of a pack begin to move elsewhere.
func (a *Archive) supersede(ctx context.Context, pack string) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into pack_state (pack, site_id, size_bytes, sealed, seen_ms, superseded_ms) values ($1, '', 0, true, $2, $2)
			on conflict (pack) do update set superseded_ms = excluded.superseded_ms`, pack, db.Millis(a.Now()))
		return err
	})
}

// dropSuperseded drops what is left of packs whose objects are all elsewhere.
func (a *Archive) dropSuperseded(ctx context.Context) error {
	store, err := a.packs()
	if err != nil {
		return err
	}
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, `select pack from pack_state where superseded_ms > 0
		and not exists (select 1 from instance where instance.pack = pack_state.pack)
		and not exists (select 1 from quarantine where quarantine.pack = pack_state.pack)
		and not exists (select 1 from trash_object where trash_object.pack = pack_state.pack)
		and not exists (select 1 from uncovered where uncovered.pack = pack_state.pack)
		and not exists (select 1 from erasure_object where erasure_object.pack = pack_state.pack and removed_ms = 0)`)
	if err != nil {
		return err
	}
	for _, name := range list {
		if err := store.DropPack(ctx, name); err != nil {
			return err
		}
		if a.Second != nil {
			if err := a.Second.DropPack(ctx, name); err != nil {
				return err
			}
		}
		err := a.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `delete from pack_state where pack = $1`, name)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// openBytes opens the bytes of an instance. Where they are missing or their header is
// damaged, the second place may have them; where they move while they are read, it
// follows.
func (a *Archive) openBytes(ctx context.Context, i Instance) (blob.Object, error) {
	o, err := a.Blobs.Open(ctx, i.ref)
	if err != nil && a.Second != nil && (fault.Of(err) == fault.NotFound || errors.Is(err, blob.ErrDamaged)) {
		if copied, failed := a.Second.Open(ctx, i.ref); failed == nil {
			a.Log.WarnContext(ctx, "read from the second place", "ref", i.ref.String(), "error", err)
			return copied, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if _, moves := o.(blob.Fleeting); moves {
		return &followed{a: a, ctx: context.WithoutCancel(ctx), id: i.ID, ref: i.ref, o: o}, nil
	}
	return o, nil
}

// A followed object is opened again where it is now when it has moved.
type followed struct {
	a   *Archive
	ctx context.Context //nolint:containedctx // io.ReaderAt has none
	id  string

	mu  sync.Mutex
	ref blob.Ref
	o   blob.Object
}

// Size implements blob.Object.
func (f *followed) Size() int64 { return f.ref.Length }

// ReadAt implements io.ReaderAt.
func (f *followed) ReadAt(b []byte, offset int64) (int, error) {
	f.mu.Lock()
	o := f.o
	f.mu.Unlock()
	n, err := o.ReadAt(b, offset)
	if err == nil || fault.Of(err) != fault.NotFound {
		return n, err
	}
	if o, again := f.again(); again == nil {
		return o.ReadAt(b, offset)
	}
	return n, err
}

// again opens the object where the index says it is now.
func (f *followed) again() (blob.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list, err := db.List(f.ctx, f.a.DB, scanKept, `select id, sop_uid, pack, pack_offset, length, sha256 from instance where id = $1`, f.id)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || list[0].ref == f.ref {
		return nil, fault.Errorf(fault.NotFound, "the object is gone")
	}
	o, err := f.a.Blobs.Open(f.ctx, list[0].ref)
	if err != nil {
		return nil, fmt.Errorf("open where it moved: %w", err)
	}
	_ = f.o.Close()
	f.o, f.ref = o, list[0].ref
	return o, nil
}

// Close implements io.Closer.
func (f *followed) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.o.Close()
}

// Refs yields where the bytes are of everything that the index of a database has, be it
// in quarantine or deleted and not yet removed: for whoever verifies a copy of it.
func Refs(ctx context.Context, q db.Querier) ([]blob.Ref, error) {
	return db.List(ctx, q, func(r *db.Rows) (ref blob.Ref, err error) {
		var sum []byte
		err = r.Scan(&ref.Pack, &ref.Offset, &ref.Length, &sum)
		copy(ref.SHA256[:], sum)
		return ref, err
	}, `select pack, pack_offset, length, sha256 from instance union all select pack, pack_offset, length, sha256 from quarantine
		union all select pack, pack_offset, length, sha256 from trash_object`)
}
