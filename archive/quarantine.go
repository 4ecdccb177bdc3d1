package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"radagora/blob"
	"radagora/db"
	"radagora/fault"
)

// again decides about an object whose SOP Instance UID is taken. The same data
// set changes nothing; another one goes to quarantine (HOUSE.md, invariant 2).
// What is the same is decided on the bytes of the data set: the meta information
// before it differs with the way an object came.
func (a *Archive) again(ctx context.Context, e *entry) (Outcome, string, error) {
	first, err := a.taker(ctx, e)
	if err != nil {
		return "", "", err
	}
	if first.ref == e.ref {
		return Added, first.ID, nil // somebody who looked through the packs was quicker
	}
	if first.ref.SHA256 != e.ref.SHA256 || first.datasetAt != e.datasetAt {
		same, digest, err := a.compare(ctx, first, e)
		if err != nil {
			return "", "", err
		}
		if !same {
			return a.quarantine(ctx, first, e, digest)
		}
	}
	whole, err := a.wanted(ctx, first, e)
	if err != nil {
		return "", "", err
	}
	err = a.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, repeatOne, first.ID)
		return err
	})
	if whole {
		return Repeated, first.ID, err
	}
	return Repeated, first.ID, a.discard(ctx, e, err)
}

// errFree says that there is no instance of that UID after all.
var errFree = errors.New("the SOP Instance UID is free")

// taker returns the instance that has the UID of e. What add met may be in a
// transaction that is not committed yet, perhaps the one whose commit add would
// have shared. So the question is asked in a transaction that writes: when that
// has ended well, the answer is durable, and may be acknowledged.
func (a *Archive) taker(ctx context.Context, e *entry) (first Instance, err error) {
	err = a.DB.Write(ctx, func(tx *db.Tx) (err error) {
		first, err = one(ctx, tx, scanInstance, "instance", fromInstance+`where instance.site_id = $1 and sop_uid = $2`, e.site, e.sop.String())
		if err != nil && fault.Of(err) == fault.NotFound {
			return errFree
		}
		return err
	})
	return first, err
}

// compare reports whether the data sets are the same, and returns the digest of
// the one that came last.
func (a *Archive) compare(ctx context.Context, first Instance, e *entry) (same bool, last [sha256.Size]byte, err error) {
	if last, err = a.digest(ctx, e.ref, e.datasetAt); err != nil {
		return false, last, err
	}
	if same, err := a.sameAsReceived(ctx, first.ID, last); err != nil || same {
		return same, last, err
	}
	if first.ref.Length-first.datasetAt != e.ref.Length-e.datasetAt {
		return false, last, nil
	}
	kept, err := a.digest(ctx, first.ref, first.datasetAt)
	return kept == last, last, err
}

// digest returns the SHA-256 of an object from a place on.
func (a *Archive) digest(ctx context.Context, r blob.Ref, from int64) (d [sha256.Size]byte, err error) {
	o, err := a.Blobs.Open(ctx, r)
	if err != nil {
		return d, err
	}
	defer o.Close()
	sum := sha256.New()
	if _, err := io.CopyBuffer(onlyWriter{sum}, io.NewSectionReader(o, from, o.Size()-from), make([]byte, 128<<10)); err != nil {
		return d, err
	}
	return [sha256.Size]byte(sum.Sum(nil)), nil
}

type onlyWriter struct{ io.Writer }

// quarantine keeps e aside. The same again adds nothing.
func (a *Archive) quarantine(ctx context.Context, first Instance, e *entry, digest [sha256.Size]byte) (Outcome, string, error) {
	added := int64(0)
	err := a.DB.Write(ctx, func(tx *db.Tx) (err error) {
		added, err = tx.Exec(ctx, insertQuarantine, db.NewID(), e.site, "other_content", first.ID,
			e.study.String(), e.series.String(), e.sop.String(), e.class.String(), e.syntax.String(), digest[:],
			e.ref.Pack, e.ref.Offset, e.ref.Length, e.ref.SHA256[:], e.datasetAt, e.door, e.callingAE, e.at, 0, e.person())
		if err != nil {
			return err
		}
		if added == 0 {
			_, err = tx.Exec(ctx, repeatQuarantined, e.site, e.sop.String(), digest[:])
			return err
		}
		return a.Journal.Append(ctx, tx, e.journalled("archive.instance.quarantined", map[string]any{
			"reason": "other_content", "instance": first.ID, "sha256": hex.EncodeToString(e.ref.SHA256[:]),
			"kept_sha256": hex.EncodeToString(first.ref.SHA256[:]), "same_study": first.Study == e.study,
		}))
	})
	if err == nil && added == 0 {
		err = a.discard(ctx, e, nil)
	}
	return Quarantined, first.ID, err
}

// discard removes the bytes of e, which are kept elsewhere, if err is nil. That
// they could not be removed is no reason to refuse what is durable.
func (a *Archive) discard(ctx context.Context, e *entry, err error) error {
	if err != nil {
		return err
	}
	if gone := a.Blobs.Remove(ctx, e.ref); gone != nil && fault.Of(gone) != fault.NotFound {
		a.Log.WarnContext(ctx, "superfluous object stays in its pack", "ref", e.ref.String(), "error", gone)
	}
	return nil
}

// A Quarantine is an object that is kept aside.
type Quarantine struct {
	Instance        // as far as it is known; Number and Frames are not
	Reason   string // other_content
	Kept     string // id of the instance that stays
	Person   Personal
}

const fromQuarantine = `select id, site_id, sop_uid, sop_class, study_uid, series_uid, transfer_syntax,
	length, sha256, pack, pack_offset, dataset_at, door, calling_ae, received_at, repeats, reason, instance, coalesce(person, '') from quarantine `

// Quarantined returns what is in quarantine at a site in the order of its coming,
// at most limit behind the one with the id after, or from the first if that is "".
func (a *Archive) Quarantined(ctx context.Context, site, after string, limit int) ([]Quarantine, error) {
	return db.List(ctx, a.DB, scanQuarantine, fromQuarantine+`where site_id = $1 and id > $2 order by id limit $3`, site, after, limit)
}

// OpenQuarantined opens an object that is kept aside.
func (a *Archive) OpenQuarantined(ctx context.Context, q Quarantine) (Object, error) {
	return a.OpenInstance(ctx, q.Instance)
}

func scanQuarantine(r *db.Rows) (q Quarantine, err error) {
	u, sum, received := make([]string, 5), []byte(nil), int64(0)
	err = r.Scan(&q.ID, &q.Site, &u[0], &u[1], &u[2], &u[3], &u[4],
		&q.Length, &sum, &q.ref.Pack, &q.ref.Offset, &q.datasetAt, &q.Door, &q.CallingAE, &received, &q.Repeats, &q.Reason, &q.Kept, &q.Person)
	copy(q.SHA256[:], sum)
	q.ref.Length, q.ref.SHA256, q.ReceivedAt = q.Length, q.SHA256, db.FromMillis(received)
	return q, uids(err, u, &q.SOP, &q.SOPClass, &q.Study, &q.Series, &q.TransferSyntax)
}
