package backup

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"radagora/blob/disk"
	"radagora/fault"
)

// settle is how old a pack's last change must be before its time is believed: a
// later change within one tick of the clock would bear the same time.
const settle = 2 * time.Second

// tooMany is how many small spans at the end of a pack are kept before they are
// written again as one.
const tooMany = 8

// allPacks copies the packs. before are those that were there before the database
// was copied: one that is gone since takes objects along that the copy names.
func (r *run) allPacks(ctx context.Context, before []disk.Stand) error {
	now, err := disk.Stands(r.packs())
	if err != nil {
		return err
	}
	for _, s := range before {
		if !slices.ContainsFunc(now, func(n disk.Stand) bool { return n.Pack == s.Pack }) {
			return fmt.Errorf("pack %s: %w", s.Pack, errVanished)
		}
	}
	was := map[string]*Pack{}
	if r.last != nil {
		for i := range r.last.Packs {
			was[r.last.Packs[i].Name] = &r.last.Packs[i]
		}
	}
	var fill []func()
	for _, s := range now {
		f, err := r.pack(ctx, s, was[s.Pack])
		if err != nil {
			return err
		}
		fill = append(fill, f)
	}
	err = r.store.wait()
	for _, f := range fill {
		f()
	}
	return err
}

// pack copies one pack: what was appended to it, and what was removed from it.
func (r *run) pack(ctx context.Context, s disk.Stand, was *Pack) (func(), error) {
	looked := r.c.Now()
	if was != nil && was.Settled && was.Sealed == s.Sealed && was.Modified.Equal(s.Modified) && r.haveAll(was) {
		return func() { r.m.Packs = append(r.m.Packs, *was) }, nil
	}
	p, err := disk.OpenPack(r.packs(), s.Pack)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = fmt.Errorf("pack %s: %w", s.Pack, errVanished)
		}
		return nil, err
	}
	defer p.Close() //nolint:errcheck // it was only read
	out := Pack{
		Name: p.Pack, Sealed: p.Sealed, Objects: p.Objects, Length: p.Size,
		Modified: p.Modified, Settled: looked.Sub(p.Modified) > settle,
	}
	spans, err := r.spans(ctx, p, r.unchanged(p, was))
	return func() {
		for _, s := range spans {
			out.Spans = append(out.Spans, *s)
		}
		r.m.Packs = append(r.m.Packs, out)
	}, err
}

// haveAll reports whether all pieces of a pack are in the repository.
func (r *run) haveAll(p *Pack) bool {
	return !slices.ContainsFunc(p.Spans, func(s Span) bool { return !r.have(s.Piece) })
}

func (r *run) have(p Piece) bool {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	_, known := r.store.known[string(p.Name)]
	return known
}

// A kept is a stretch of a pack, with its span if the last backup has it.
type kept struct {
	from, to int64
	span     *Span
}

// unchanged returns the stretches of a pack in order, those that the last backup has
// as they are with their spans.
func (r *run) unchanged(p *disk.Pack, was *Pack) []kept {
	var out []kept
	at, group := int64(0), int64(r.c.groupSize)
	if was != nil {
		spans := was.Spans
		small := 0
		for i := len(spans) - 1; i >= 0 && spans[i].Length < group/4; i-- {
			small++
		}
		if small > tooMany {
			spans = spans[:len(spans)-small]
		}
		for i := range spans {
			to := at + spans[i].Length
			if to > p.Size {
				break
			}
			k := kept{from: at, to: to}
			if shape := p.Shape(at, to); bytes.Equal(shape[:], spans[i].Shape) && r.have(spans[i].Piece) {
				k.span = &spans[i]
			}
			out, at = append(out, k), to
		}
	}
	for at < p.Size {
		to := min(p.Size, at+group)
		out, at = append(out, kept{from: at, to: to}), to
	}
	return out
}

// spans writes the stretches that are new.
func (r *run) spans(ctx context.Context, p *disk.Pack, stretches []kept) ([]*Span, error) {
	var out []*Span
	for _, k := range stretches {
		if k.span != nil {
			out = append(out, k.span)
			continue
		}
		b, _ := buffers.Get().([]byte)
		b = slices.Grow(b[:0], int(k.to-k.from))[:k.to-k.from]
		if err := p.ReadAt(b, k.from); err != nil {
			return nil, err
		}
		shape := p.Shape(k.from, k.to)
		s := &Span{Shape: shape[:]}
		out = append(out, s)
		if err := r.put(ctx, &s.Piece, b, func() { buffers.Put(b) }); err != nil { //nolint:staticcheck // SA6002: one slice header a piece
			return nil, err
		}
	}
	return out, nil
}
