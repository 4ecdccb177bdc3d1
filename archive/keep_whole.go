package archive

import (
	"context"
	"encoding/hex"
	"slices"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// wanted is told of an object that is there and comes again. If it comes by a way that no
// rule of dropping pixels is about, it comes for the archive: then its pixels stay, and if
// they were dropped the object takes the place of its header. It reports whether it does,
// so that its bytes are kept.
func (a *Archive) wanted(ctx context.Context, first Instance, e *entry) (bool, error) {
	rules, err := a.KeepRules(ctx, e.site)
	if err != nil {
		return false, err
	}
	covered := func(calling, called string, at int64) bool {
		return slices.ContainsFunc(rules, func(k KeepRule) bool { return k.covers(calling, called, db.FromMillis(at)) })
	}
	if covered(e.callingAE, e.calledAE, e.at) {
		return false, nil
	}
	_, reduced, err := a.Reduced(ctx, e.site, first.SOP)
	if err != nil {
		return false, err
	}
	if reduced {
		return a.makeWhole(ctx, first, e)
	}
	if len(rules) == 0 {
		return false, nil
	}
	return false, a.DB.Write(ctx, func(tx *db.Tx) error { return noteReduced(ctx, tx, first, first.SHA256, noPixels, db.Millis(a.Now())) })
}

// makeWhole has the index name an object as it came instead of its header alone, if it is
// the one that was received then.
func (a *Archive) makeWhole(ctx context.Context, first Instance, e *entry) (whole bool, err error) {
	digest, err := a.digest(ctx, e.ref, e.datasetAt)
	if err != nil {
		return false, err
	}
	if same, err := a.sameAsReceived(ctx, first.ID, digest); err != nil || !same {
		return false, err
	}
	return true, a.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update instance set pack = $4, pack_offset = $5, length = $6, sha256 = $7, dataset_at = $8 where id = $1 and pack = $2 and pack_offset = $3`,
			first.ID, first.ref.Pack, first.ref.Offset, e.ref.Pack, e.ref.Offset, e.ref.Length, e.ref.SHA256[:], e.datasetAt)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Unavailable, "instance %s moved meanwhile", first.SOP)
		}
		var study string
		if err := tx.QueryRow(ctx, `select series.study from instance join series on series.id = instance.series where instance.id = $1`, first.ID).Scan(&study); err != nil {
			return err
		}
		if err := a.Unprepare(ctx, tx, first.Site, study); err != nil {
			return err
		}
		if err := (&eraser{a: a, tx: tx}).sizes(ctx, study); err != nil {
			return err
		}
		erasure := db.NewID()
		for _, s := range []struct {
			text string
			args []any
		}{
			{`update reduced set policy = '` + noPixels + `' where instance = $1`, []any{first.ID}},
			{
				`insert into erasure (id, site_id, at_ms, actor, studies, objects, size_bytes, trash) values ($1, $2, $3, 'system:archive', 0, 1, $4, $5)`,
				[]any{erasure, first.Site, db.Millis(a.Now()), first.Length, ByReduction},
			},
			{
				`insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length) values ($1, $2, $3, $4, $5, $6, $7)`,
				[]any{erasure, first.Site, first.SOP.String(), first.SHA256[:], first.ref.Pack, first.ref.Offset, first.ref.Length},
			},
		} {
			if _, err := tx.Exec(ctx, s.text, s.args...); err != nil {
				return err
			}
		}
		tx.OnCommit(a.poke)
		return a.Journal.Append(ctx, tx, journal.Entry{
			Site: first.Site, Actor: e.actor, Kind: "archive.instance.whole", Subject: first.SOP.String(),
			Data: encode(map[string]any{
				"study": first.Study, "series": first.Series, "sha256": hex.EncodeToString(e.ref.SHA256[:]), "length": e.ref.Length, "calling_ae": e.callingAE, "called_ae": e.calledAE,
			}),
		})
	})
}
