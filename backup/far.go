package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"radagora/blob"
	"radagora/fault"
)

// farPacks names the packs that are in the object store and not in the data folder, or
// copies them. It comes after the database: a pack is written before a row names it.
func (r *run) farPacks(ctx context.Context) error {
	if r.c.Far == nil {
		return nil
	}
	all, err := listed(ctx, r.c.Far)
	if err != nil {
		return err
	}
	return r.farPacksOf(ctx, all)
}

// listed returns the packs of a store.
func listed(ctx context.Context, s blob.Packs) (all []blob.Pack, err error) {
	for p, err := range s.Packs(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// farPacksOf is farPacks of those that the object store has.
func (r *run) farPacksOf(ctx context.Context, far []blob.Pack) error {
	here := map[string]bool{}
	for _, p := range r.m.Packs {
		here[p.Name] = true
	}
	for _, p := range far {
		if here[p.Name] {
			continue
		}
		if !r.c.FarCopied {
			r.m.Elsewhere = append(r.m.Elsewhere, Elsewhere{Place: r.c.FarPlace, Name: p.Name, Length: p.Size})
			continue
		}
		if err := r.farPack(ctx, p); err != nil {
			return fmt.Errorf("pack %s: %w", p.Name, err)
		}
	}
	return nil
}

// farPack copies a pack. One that is as it was in the backup before is not read again.
func (r *run) farPack(ctx context.Context, p blob.Pack) error {
	looked := r.c.Now()
	if r.last != nil {
		i := slices.IndexFunc(r.last.Packs, func(o Pack) bool { return o.Name == p.Name && o.Far })
		if i >= 0 {
			was := &r.last.Packs[i]
			if was.Settled && was.Length == p.Size && was.Modified.Equal(p.Modified) && r.haveAll(was) {
				r.m.Packs = append(r.m.Packs, *was)
				return nil
			}
		}
	}
	o, err := r.c.Far.OpenPack(ctx, p.Name)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = errVanished
		}
		return err
	}
	defer o.Close()
	out := Pack{Name: p.Name, Sealed: true, Far: true, Length: o.Size(), Modified: p.Modified, Settled: looked.Sub(p.Modified) > farSettle}
	for _, err := range r.c.Far.Objects(ctx, p.Name) {
		if err != nil {
			return err
		}
		out.Objects++
	}
	var spans []*Span
	for at := int64(0); at < o.Size(); {
		b, _ := buffers.Get().([]byte)
		n := int(min(o.Size()-at, int64(r.c.groupSize)))
		b = slices.Grow(b[:0], n)[:n]
		if read, err := o.ReadAt(b, at); read < n {
			if errors.Is(err, io.EOF) {
				err = errVanished // it was rewritten shorter
			}
			return err
		}
		s := &Span{}
		spans = append(spans, s)
		if err := r.put(ctx, &s.Piece, b, func() { buffers.Put(b) }); err != nil { //nolint:staticcheck // SA6002: one slice header a piece
			return err
		}
		at += int64(n)
	}
	if err := r.store.wait(); err != nil {
		return err
	}
	for _, s := range spans {
		out.Spans = append(out.Spans, *s)
	}
	r.m.Packs = append(r.m.Packs, out)
	return nil
}

// farSettle is how old a pack's last change must be before its time is believed: stores
// tell it to the second, by their own clock.
const farSettle = time.Minute

// Where says where packs are that the backup does not hold, and how many in each place.
func (m *Manifest) Where() map[string]int {
	all := map[string]int{}
	for _, e := range m.Elsewhere {
		all[e.Place]++
	}
	return all
}
