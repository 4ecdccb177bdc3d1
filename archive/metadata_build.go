package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// bulkLimit is how many bytes a value of bytes may have to stand in metadata.
const bulkLimit = 1 << 10

// flights sees that what several ask for at once is made once.
type flights struct {
	mu sync.Mutex
	of map[string]*flight
}

type flight struct {
	done chan struct{}
	p    prepared
	err  error
}

// prepare makes the metadata of a series and keeps them. pause, if not nil, is called
// between objects. NotFound: there is no such series.
func (a *Archive) prepare(ctx context.Context, series string, pause func()) (prepared, error) {
	a.flights.mu.Lock()
	if f := a.flights.of[series]; f != nil && pause == nil {
		a.flights.mu.Unlock()
		select {
		case <-f.done:
			if f.err == nil || ctx.Err() != nil {
				return f.p, f.err
			}
		case <-ctx.Done():
			return prepared{}, ctx.Err()
		}
		return a.build(ctx, series, nil) // the other may have been stopped
	}
	f := &flight{done: make(chan struct{})}
	if a.flights.of == nil {
		a.flights.of = map[string]*flight{}
	}
	if pause == nil {
		a.flights.of[series] = f
	}
	a.flights.mu.Unlock()
	f.p, f.err = a.build(ctx, series, pause)
	a.flights.mu.Lock()
	if a.flights.of[series] == f {
		delete(a.flights.of, series)
	}
	a.flights.mu.Unlock()
	close(f.done)
	return f.p, f.err
}

// build makes the metadata of a series from the headers of its objects.
func (a *Archive) build(ctx context.Context, series string, pause func()) (prepared, error) {
	for range 3 {
		p, err := one(ctx, a.DB, scanPrepared, "series", fromPrepared+`series.id = $1`, series)
		if err != nil {
			return p, err
		}
		list, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where series.id = $1 order by coalesce(instance_number, 9223372036854775807), instance.id`, series)
		if err != nil {
			return p, err
		}
		if err := a.write(ctx, &p, list, pause); err != nil {
			if fault.Of(err) == fault.NotFound {
				continue // one was deleted meanwhile
			}
			return p, err
		}
		if kept, err := a.keep(ctx, p, list); err != nil || kept {
			return p, err
		}
	}
	return prepared{}, fault.Errorf(fault.Unavailable, "metadata: the instances of the series come and go")
}

// write makes the block of instances.
func (a *Archive) write(ctx context.Context, p *prepared, list []Instance, pause func()) error {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // the level is one there is
	sum := sha256.New()
	w := io.MultiWriter(z, sum)
	sep := "["
	for _, i := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		var object bytes.Buffer
		err := a.describe(ctx, &object, i)
		if fault.Of(err) == fault.Invalid && err != nil {
			a.Log.WarnContext(ctx, "an object that was read once can no longer be", "sop", i.SOP.String(), "error", err)
			continue
		}
		if err != nil {
			return err
		}
		_, _ = io.WriteString(w, sep) // to memory
		_, _ = w.Write(object.Bytes())
		sep = ","
		if pause != nil {
			pause()
		}
	}
	if sep == "[" {
		_, _ = io.WriteString(w, sep)
	}
	_, _ = io.WriteString(w, "]")
	if err := z.Close(); err != nil {
		return err
	}
	p.count, p.instances, p.body = int64(len(list)), int64(len(list)), out.Bytes()
	p.etag = hex.EncodeToString(sum.Sum(nil)[:16])
	return nil
}

// describe writes the metadata of one instance.
func (a *Archive) describe(ctx context.Context, w io.Writer, i Instance) error {
	o, err := a.OpenReceived(ctx, i)
	if err != nil {
		return err
	}
	defer o.Close()
	f, err := o.Read(nil)
	if err != nil {
		return unreadable(f, err)
	}
	return dicom.WriteJSON(w, f.Dataset, dicom.JSONOptions{
		BulkDataURI: func(path string, e dicom.Element) string {
			if t := e.Tag(); e.Length() <= bulkLimit && !e.Encapsulated() && t != tag.PixelData && t != tag.FloatPixelData && t != tag.DoubleFloatPixelData {
				return "" // it stands in the metadata itself; pixels never do
			}
			return "instances/" + i.SOP.String() + "/bulkdata/" + path
		},
	})
}

// keep writes a block down, unless the series is no longer what it was made of: what
// was erased meanwhile must not come back. It reports whether it did.
func (a *Archive) keep(ctx context.Context, p prepared, list []Instance) (kept bool, err error) {
	type place struct {
		id, pack string
		offset   int64
	}
	made := make(map[place]bool, len(list))
	for _, i := range list {
		made[place{i.ID, i.ref.Pack, i.ref.Offset}] = true
	}
	err = a.DB.Write(ctx, func(tx *db.Tx) error {
		kept = false
		var n int64
		err := tx.QueryRow(ctx, `select instance_count from series where id = $1 `+tx.ForShare(), p.id).Scan(&n)
		if err != nil {
			return err
		}
		now, err := db.List(ctx, tx, func(r *db.Rows) (x place, err error) { return x, r.Scan(&x.id, &x.pack, &x.offset) },
			`select id, pack, pack_offset from instance where series = $1`, p.id)
		if err != nil || len(now) != len(made) {
			return err
		}
		for _, x := range now {
			if !made[x] {
				return nil
			}
		}
		_, err = tx.Exec(ctx, `insert into series_prepared (series, site_id, study, instances, etag, built_at, body) values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (series) do update set instances = excluded.instances, etag = excluded.etag, built_at = excluded.built_at, body = excluded.body`,
			p.id, p.site, p.study, p.instances, p.etag, db.Millis(a.Now()), p.body)
		if err != nil {
			return err
		}
		kept = true
		_, err = tx.Exec(ctx, `delete from prepare_due where kind = 'series' and id = $1`, p.id)
		return err
	})
	return kept, err
}
