package archive

import (
	"context"
	"errors"
	"time"

	"radagora/blob"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A Trouble is something that Check found.
type Trouble struct {
	Kind string  // missing, damaged, orphan or unreadable
	SOP  uid.UID // of the row, if there is one
	Ref  blob.Ref
	Err  error // nil for an orphan
}

// The kinds of Trouble.
const (
	Missing    = "missing"    // a row whose bytes are not there
	Damaged    = "damaged"    // a row whose bytes are no longer what they were
	Orphan     = "orphan"     // bytes without a row: nobody was told that they are kept
	Unreadable = "unreadable" // what could not be looked at just now
)

// A Checked says what Check looked at.
type Checked struct {
	Rows, Objects int64 // instances; objects in the packs
	Aside         int64 // objects in quarantine, and deleted ones that may come back
	Bytes         int64
	Troubles      map[string]int64 // by kind
}

// CheckOptions say how Check goes about it.
type CheckOptions struct {
	Rate   int64               // how many bytes are read in a second. 0: as many as can be
	Settle time.Duration       // how long an object may be on its way into the index before it is an orphan
	Report func(Trouble) error // called for each; its error ends the check. May be nil
}

// Check reads every object that the index knows, those in quarantine included,
// and compares it with its digest; and it looks for a row for every object in
// the packs. It changes nothing. The error is why it could not be finished.
func (a *Archive) Check(ctx context.Context, o CheckOptions) (Checked, error) {
	c := checker{a: a, o: o, sum: Checked{Troubles: map[string]int64{}}}
	orphans, err := c.objects(ctx)
	if err == nil {
		err = c.rows(ctx)
	}
	if err == nil && len(orphans) > 0 {
		err = c.confirm(ctx, orphans)
	}
	return c.sum, err
}

type checker struct {
	a   *Archive
	o   CheckOptions
	sum Checked
}

func (c *checker) report(t Trouble) error {
	c.sum.Troubles[t.Kind]++
	if c.o.Report == nil {
		return nil
	}
	return c.o.Report(t)
}

// objects goes through the packs and returns the objects without a row.
func (c *checker) objects(ctx context.Context) ([]blob.Ref, error) {
	var orphans []blob.Ref
	for ref, err := range c.a.Blobs.List(ctx) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if err := c.report(Trouble{Kind: Unreadable, Ref: ref, Err: err}); err != nil {
				return nil, err
			}
			continue
		}
		c.sum.Objects++
		has, err := c.a.accounted(ctx, ref)
		if err != nil {
			return nil, err
		}
		if !has {
			orphans = append(orphans, ref)
		}
	}
	return orphans, nil
}

// hasRow reports whether the index knows the object, be it in quarantine.
func (a *Archive) hasRow(ctx context.Context, r blob.Ref) (bool, error) {
	var n int64
	err := a.DB.QueryRow(ctx, `select (select count(*) from instance where pack = $1 and pack_offset = $2)
		+ (select count(*) from quarantine where pack = $1 and pack_offset = $2)
		+ (select count(*) from trash_object where pack = $1 and pack_offset = $2)
		+ (select count(*) from uncovered where pack = $1 and pack_offset = $2 and pack <> '')`, r.Pack, r.Offset).Scan(&n)
	return n > 0, err
}

// accounted reports whether the index knows the object, or knows that it was erased.
func (a *Archive) accounted(ctx context.Context, r blob.Ref) (bool, error) {
	has, err := a.hasRow(ctx, r)
	if err != nil || has {
		return has, err
	}
	return a.isErased(ctx, r)
}

// confirm looks again at objects that had no row, after those that were on their
// way have arrived.
func (c *checker) confirm(ctx context.Context, orphans []blob.Ref) error {
	settle := time.NewTimer(c.o.Settle)
	defer settle.Stop()
	select {
	case <-settle.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, ref := range orphans {
		has, err := c.a.accounted(ctx, ref)
		if err != nil {
			return err
		}
		if has || c.a.isGone(ctx, ref) {
			continue
		}
		if err := c.report(Trouble{Kind: Orphan, Ref: ref}); err != nil {
			return err
		}
	}
	return nil
}

// isGone reports whether the object was removed meanwhile.
func (a *Archive) isGone(ctx context.Context, r blob.Ref) bool {
	o, err := a.Blobs.Open(ctx, r)
	if err == nil {
		o.Close()
	}
	return fault.Of(err) == fault.NotFound && err != nil
}

// A kept is what a row says about its bytes.
type kept struct {
	id, sop string
	ref     blob.Ref
}

// rows reads the bytes of every row.
func (c *checker) rows(ctx context.Context) error {
	for _, table := range []string{"instance", "quarantine", "trash_object"} {
		for after := ""; ; {
			id := "id"
			if table == "trash_object" {
				id = "pack || ':' || cast(pack_offset as text)"
			}
			list, err := db.List(ctx, c.a.DB, scanKept,
				`select `+id+`, sop_uid, pack, pack_offset, length, sha256 from `+table+` where `+id+` > $1 order by 1 limit 500`, after)
			if err != nil {
				return err
			}
			for _, k := range list {
				if table != "instance" {
					c.sum.Rows--
					c.sum.Aside++
				}
				if err := c.row(ctx, k); err != nil {
					return err
				}
			}
			if len(list) == 0 {
				break
			}
			after = list[len(list)-1].id
		}
	}
	return nil
}

func scanKept(r *db.Rows) (k kept, err error) {
	var sum []byte
	err = r.Scan(&k.id, &k.sop, &k.ref.Pack, &k.ref.Offset, &k.ref.Length, &sum)
	copy(k.ref.SHA256[:], sum)
	return k, err
}

// row reads the bytes of one row, and then waits as long as they are worth.
func (c *checker) row(ctx context.Context, k kept) error {
	err := blob.Verify(ctx, c.a.Blobs, k.ref)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.sum.Rows++
	c.sum.Bytes += k.ref.Length
	if err != nil {
		return c.trouble(ctx, k, err)
	}
	return c.pause(ctx, k.ref.Length)
}

func (c *checker) trouble(ctx context.Context, k kept, err error) error {
	t := Trouble{Kind: Unreadable, Ref: k.ref, Err: err}
	t.SOP, _ = uid.Parse(k.sop)
	switch {
	case errors.Is(err, blob.ErrDamaged):
		t.Kind = Damaged
	case fault.Of(err) == fault.NotFound:
		t.Kind = Missing
		if has, err := c.a.hasRow(ctx, k.ref); err != nil || !has {
			return err // it was deleted, or moved to another pack, meanwhile
		}
	}
	return c.report(t)
}

func (c *checker) pause(ctx context.Context, n int64) error {
	if c.o.Rate <= 0 {
		return nil
	}
	t := time.NewTimer(time.Duration(float64(n) / float64(c.o.Rate) * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A Rebuilt says what Rebuild did.
type Rebuilt struct {
	Known, Added, Repeated, Quarantined, Unreadable int64
}

// Rebuild makes rows for objects in the packs that have none: after the index was
// lost, or for orphans that Check has found. They are entered as instances of
// site, because packs do not say whose an object is. An object whose data set is
// known already is removed. What is no DICOM object stays and is counted. It may
// be repeated, and run while others are received. What was erased does not come
// back: what of it is still in the packs is removed first. Everything that was prepared
// is dropped, and made again by Run or Prepare. report, if not nil, is called
// for every object it did something with or could not read.
func (a *Archive) Rebuild(ctx context.Context, site, actor string, report func(blob.Ref, Outcome, error)) (Rebuilt, error) {
	var sum Rebuilt
	if _, err := a.RemoveErased(ctx); err != nil {
		return sum, err
	}
	if err := a.allDue(ctx); err != nil {
		return sum, err
	}
	for ref, err := range a.Blobs.List(ctx) {
		if ctx.Err() != nil {
			return sum, ctx.Err()
		}
		var outcome Outcome
		if err == nil {
			outcome, err = a.adopt(ctx, site, actor, ref)
		}
		if fault.Of(err) == fault.Unavailable && err != nil {
			return sum, err
		}
		sum.count(outcome, err)
		if report != nil && (outcome != "" || err != nil) {
			report(ref, outcome, err)
		}
	}
	return sum, nil
}

func (r *Rebuilt) count(o Outcome, err error) {
	switch {
	case err != nil:
		r.Unreadable++
	case o == Added:
		r.Added++
	case o == Repeated:
		r.Repeated++
	case o == Quarantined:
		r.Quarantined++
	default:
		r.Known++
	}
}

// adopt enters an object into the index, unless it has a row; then the outcome is "".
func (a *Archive) adopt(ctx context.Context, site, actor string, ref blob.Ref) (Outcome, error) {
	if has, err := a.accounted(ctx, ref); err != nil || has {
		return "", err
	}
	if err := blob.Verify(ctx, a.Blobs, ref); err != nil {
		return "", err
	}
	e, err := a.entryOf(ctx, site, ref)
	if err != nil {
		return "", err
	}
	e.site, e.actor, e.door, e.at = site, actor, "rebuild", db.Millis(a.Now())
	outcome, _, err := a.enter(ctx, &e)
	return outcome, err
}

// entryOf reads an object that is in a pack as if it had just come, under the version
// under which it came.
func (a *Archive) entryOf(ctx context.Context, site string, ref blob.Ref) (entry, error) {
	o, err := a.Blobs.Open(ctx, ref)
	if err != nil {
		return entry{}, err
	}
	defer o.Close()
	f, err := dicom.Open(o, o.Size(), nil)
	if err != nil {
		return entry{}, unreadable(f, err)
	}
	e := entry{header: readHeader(f.Dataset), syntax: f.TransferSyntax, ref: ref, datasetAt: f.Start}
	if e.coerced, err = coercedBy(ctx, a.DB, site, e.sop.String()); err == nil && e.coerced != "" {
		err = a.coerceAs(ctx, &e, f.Dataset)
	}
	if err != nil {
		return e, err
	}
	return e, e.check(Arrival{}, f)
}
