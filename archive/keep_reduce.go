package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"radagora/blob"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// A KeepRule says that of what a peer sends, of what is sent to one of our titles, or of
// what that peer sends there, only reports and headers are kept: when After has passed
// since an instance came, and so whoever derives something from its header has had it, its
// pixels are dropped. What came before Since, or comes by another way, too, came for the
// archive and stays whole.
type KeepRule struct {
	Site                string
	CallingAE, CalledAE string // "": any; not both
	After               time.Duration
	Reason, Actor       string
	Since, At           time.Time // from when on it holds; when it was decided last
}

// covers reports whether a rule is about what came by such a way.
func (k KeepRule) covers(calling, called string, at time.Time) bool {
	return (k.CallingAE == "" || k.CallingAE == calling) && (k.CalledAE == "" || k.CalledAE == called) && !at.Before(k.Since)
}

// Policy names a rule, in what is told of objects that were reduced by it.
func (k KeepRule) Policy() string {
	var all []string
	if k.CallingAE != "" {
		all = append(all, "peer:"+k.CallingAE)
	}
	if k.CalledAE != "" {
		all = append(all, "title:"+k.CalledAE)
	}
	return strings.Join(all, " ")
}

// KeepHeaders makes a rule, for what comes from now on, or changes the time and the reason
// of one, and journals it. Invalid: neither a peer nor a title, no reason, or a negative
// time.
func (a *Archive) KeepHeaders(ctx context.Context, k KeepRule) error {
	k.CallingAE, k.CalledAE, k.Reason = strings.TrimSpace(clean(k.CallingAE)), strings.TrimSpace(clean(k.CalledAE)), strings.TrimSpace(k.Reason)
	if k.CallingAE+k.CalledAE == "" || k.After < 0 || k.Reason == "" || len(k.Reason) > maxReason {
		return fault.Errorf(fault.Invalid, "a rule needs a peer or a title, a time and a reason of at most %d bytes", maxReason)
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into keep_scope (site_id, calling_ae, called_ae, after_ms, reason, actor, since_ms, at_ms) values ($1, $2, $3, $4, $5, $6, $7, $7)
			on conflict (site_id, calling_ae, called_ae) do update set after_ms = excluded.after_ms, reason = excluded.reason, actor = excluded.actor, at_ms = excluded.at_ms`,
			k.Site, k.CallingAE, k.CalledAE, k.After.Milliseconds(), k.Reason, actorOf(ctx), db.Millis(a.Now()))
		if err != nil {
			return err
		}
		return a.Journal.Append(ctx, tx, journal.Entry{
			Site: k.Site, Actor: actorOf(ctx), Kind: "archive.rule.header", Subject: k.Policy(),
			Data: encode(map[string]any{"after_ms": k.After.Milliseconds(), "calling_ae": k.CallingAE, "called_ae": k.CalledAE}),
		})
	})
}

// KeepAll ends a rule. What was dropped does not come back by that. NotFound: there is
// none of that scope.
func (a *Archive) KeepAll(ctx context.Context, site, callingAE, calledAE string) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `delete from keep_scope where site_id = $1 and calling_ae = $2 and called_ae = $3`, site, callingAE, calledAE)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "there is no such rule")
		}
		return a.Journal.Append(ctx, tx, journal.Entry{
			Site: site, Actor: actorOf(ctx), Kind: "archive.rule.everything", Subject: KeepRule{CallingAE: callingAE, CalledAE: calledAE}.Policy(),
		})
	})
}

const fromRule = `select site_id, calling_ae, called_ae, after_ms, reason, actor, since_ms, at_ms from keep_scope `

// KeepRules returns the rules of a site by peer and title.
func (a *Archive) KeepRules(ctx context.Context, site string) ([]KeepRule, error) {
	return db.List(ctx, a.DB, scanRule, fromRule+`where site_id = $1 order by calling_ae, called_ae`, site)
}

func scanRule(r *db.Rows) (k KeepRule, err error) {
	var after, since, at int64
	err = r.Scan(&k.Site, &k.CallingAE, &k.CalledAE, &after, &k.Reason, &k.Actor, &since, &at)
	k.After, k.Since, k.At = time.Duration(after)*time.Millisecond, db.FromMillis(since), db.FromMillis(at)
	return k, err
}

// A Reduction says what was received of an instance whose pixels were dropped.
type Reduction struct {
	SHA256 [32]byte // of the object as received
	Length int64
	Policy string // peer:TITLE, title:TITLE, or both
	At     time.Time
}

// The policy of a row that is none: there is nothing to drop, or it came for the archive, too.
const noPixels = "none"

// Reduced returns what was received of an instance of which only the header is kept,
// and whether that is so.
func (a *Archive) Reduced(ctx context.Context, site string, sop uid.UID) (Reduction, bool, error) {
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (d Reduction, err error) {
		var sum []byte
		var at int64
		err = r.Scan(&sum, &d.Length, &d.Policy, &at)
		copy(d.SHA256[:], sum)
		d.At = db.FromMillis(at)
		return d, err
	}, `select sha256, length, policy, at_ms from reduced where site_id = $1 and sop_uid = $2 and policy <> '`+noPixels+`'`, site, sop.String())
	if err != nil || len(list) == 0 {
		return Reduction{}, false, err
	}
	return list[0], true, nil
}

// ReducedOf returns the instances of a study of which only the header is kept.
func (a *Archive) ReducedOf(ctx context.Context, site string, study uid.UID) (map[string]bool, error) {
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select instance.sop_uid from study join series on series.study = study.id join instance on instance.series = series.id
		join reduced on reduced.instance = instance.id where study.site_id = $1 and study.study_uid = $2 and reduced.policy <> '`+noPixels+`'`, site, study.String())
	all := make(map[string]bool, len(list))
	for _, sop := range list {
		all[sop] = true
	}
	return all, err
}

// reduceBatch is how many instances are looked at before it is asked again.
const reduceBatch = 200

// Reduce drops the pixels of what the rules name and whose time has come. It returns
// how many instances it reduced and how many bytes are no longer kept. What is held
// stays as it is. What cannot be read stays, too, and is told in the log.
func (a *Archive) Reduce(ctx context.Context) (n, saved int64, err error) {
	rules, err := db.List(ctx, a.DB, scanRule, fromRule+`order by site_id, calling_ae, called_ae`)
	if err != nil {
		return 0, 0, err
	}
	for _, k := range rules {
		for after := ""; ; {
			list, err := a.reducible(ctx, k, after)
			if err != nil {
				return n, saved, err
			}
			if len(list) == 0 {
				break
			}
			for _, i := range list {
				after = i.ID
				less, err := a.reduce(ctx, i, k.Policy())
				switch {
				case err == nil && less > 0:
					n, saved = n+1, saved+less
				case err != nil && (fault.Of(err) == fault.Unavailable || fault.Of(err) == fault.Exhausted || ctx.Err() != nil):
					return n, saved, err
				case err != nil && fault.Of(err) != fault.Conflict:
					a.Log.WarnContext(ctx, "pixels are kept", "sop", i.SOP.String(), "error", err)
				}
			}
		}
	}
	return n, saved, nil
}

// reducible returns instances that a rule is about and whose time has come, behind one.
func (a *Archive) reducible(ctx context.Context, k KeepRule, after string) ([]Instance, error) {
	w := statement{}
	conditions := []string{"instance.site_id = " + w.arg(k.Site), "instance.id > " + w.arg(after)}
	if k.CallingAE != "" {
		conditions = append(conditions, "instance.calling_ae = "+w.arg(k.CallingAE))
	}
	if k.CalledAE != "" {
		conditions = append(conditions, "instance.called_ae = "+w.arg(k.CalledAE), "instance.called_ae <> ''") // what its index holds
	}
	conditions = append(conditions, "instance.received_at >= "+w.arg(db.Millis(k.Since)), "instance.received_at <= "+w.arg(db.Millis(a.Now().Add(-k.After))),
		"not exists (select 1 from reduced where reduced.instance = instance.id)")
	return db.List(ctx, a.DB, scanInstance, fromInstance+"where "+strings.Join(conditions, " and ")+" order by instance.id limit "+w.arg(reduceBatch), w.args...)
}

// reduce puts an instance again without its pixels, and makes the removal of the whole
// one due. It returns how many bytes are saved, 0 if there were no pixels.
func (a *Archive) reduce(ctx context.Context, i Instance, policy string) (int64, error) {
	if err := a.unheld(ctx, a.DB, i.Site, i.Study.String()); err != nil {
		return 0, err
	}
	o, err := a.Blobs.Open(ctx, i.ref)
	if err != nil {
		return 0, err
	}
	defer o.Close()
	end, err := headerEnd(o, i)
	if err != nil {
		return 0, err
	}
	if end == 0 {
		return 0, a.DB.Write(ctx, func(tx *db.Tx) error { return noteReduced(ctx, tx, i, i.SHA256, noPixels, db.Millis(a.Now())) })
	}
	whole, dataset, err := digests(o, i.datasetAt)
	if err != nil {
		return 0, err
	}
	if whole != i.SHA256 {
		return 0, blob.Damaged(i.ref, "digest differs")
	}
	now, err := a.putHeader(ctx, o, end)
	if err != nil {
		return 0, err
	}
	err = a.DB.Write(ctx, func(tx *db.Tx) error { return a.replace(ctx, tx, i, now, dataset, policy) })
	if err != nil {
		if gone := a.Blobs.Remove(context.WithoutCancel(ctx), now); gone != nil {
			a.Log.WarnContext(ctx, "superfluous object stays in its pack", "ref", now.String(), "error", gone)
		}
		return 0, err
	}
	return i.Length - now.Length, nil
}

// headerEnd returns where the pixels of an object begin, 0 if it has none.
func headerEnd(o blob.Object, i Instance) (int64, error) {
	s, _ := uid.SyntaxOf(i.TransferSyntax)
	if s.Deflated {
		return 0, fault.Errorf(fault.Unsupported, "instance %s is deflated", i.SOP)
	}
	f, err := dicom.Open(o, o.Size(), nil)
	if err != nil {
		return 0, fmt.Errorf("instance %s: %w", i.SOP, err)
	}
	for e := range f.All() {
		if e.Tag() < tag.Tag(pixelGroup)<<16 {
			continue
		}
		if e.Tag() != tag.PixelData && e.Tag() != tag.FloatPixelData && e.Tag() != tag.DoubleFloatPixelData {
			continue
		}
		head := int64(12) // PS3.5 7.1.2: tag, VR, two zeros, length of OB, OW, OF, OD
		if s.Implicit {
			head = 8
		}
		end := e.Offset() - head
		if _, err := dicom.Open(io.NewSectionReader(o, 0, end), end, nil); err != nil || end <= i.datasetAt {
			return 0, fault.Errorf(fault.Internal, "instance %s: its header does not stand alone: %w", i.SOP, err)
		}
		return end, nil
	}
	return 0, nil
}

// digests reads an object and returns the digest of all of it and of its data set.
func digests(o blob.Object, datasetAt int64) (whole, dataset [sha256.Size]byte, err error) {
	all, part := sha256.New(), sha256.New()
	if _, err = io.CopyBuffer(onlyWriter{all}, io.NewSectionReader(o, 0, datasetAt), make([]byte, 32<<10)); err != nil {
		return whole, dataset, err
	}
	_, err = io.CopyBuffer(onlyWriter{io.MultiWriter(all, part)}, io.NewSectionReader(o, datasetAt, o.Size()-datasetAt), make([]byte, 128<<10))
	return [sha256.Size]byte(all.Sum(nil)), [sha256.Size]byte(part.Sum(nil)), err
}

// putHeader puts the beginning of an object again, durably.
func (a *Archive) putHeader(ctx context.Context, o blob.Object, end int64) (blob.Ref, error) {
	w, err := a.Blobs.Create(ctx)
	if err != nil {
		return blob.Ref{}, err
	}
	defer func() { _ = w.Abort() }()
	if _, err := io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(o, 0, end), make([]byte, 32<<10)); err != nil {
		return blob.Ref{}, err
	}
	r, durable, err := w.Finish(ctx)
	if err != nil {
		return r, err
	}
	return r, durable(ctx)
}

// replace has the index name the header instead of the whole object.
func (a *Archive) replace(ctx context.Context, tx *db.Tx, i Instance, now blob.Ref, dataset [32]byte, policy string) error {
	if err := a.unheld(ctx, tx, i.Site, i.Study.String()); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `update instance set pack = $4, pack_offset = $5, length = $6, sha256 = $7 where id = $1 and pack = $2 and pack_offset = $3`,
		i.ID, i.ref.Pack, i.ref.Offset, now.Pack, now.Offset, now.Length, now.SHA256[:])
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.Conflict, "instance %s moved meanwhile", i.SOP)
	}
	var study, series string
	if err := tx.QueryRow(ctx, `select study.id, series.id from instance join series on series.id = instance.series join study on study.id = series.study
		where instance.id = $1`, i.ID).Scan(&study, &series); err != nil {
		return err
	}
	if err := a.Unprepare(ctx, tx, i.Site, study); err != nil {
		return err
	}
	at, less, erasure := db.Millis(a.Now()), i.Length-now.Length, db.NewID()
	for _, s := range []struct {
		text string
		args []any
	}{
		{`update series set size_bytes = size_bytes - $2 where id = $1`, []any{series, less}},
		{`update study set size_bytes = size_bytes - $2 where id = $1`, []any{study, less}},
		{
			`insert into erasure (id, site_id, at_ms, actor, studies, objects, size_bytes, trash) values ($1, $2, $3, 'system:archive', 0, 1, $4, $5)`,
			[]any{erasure, i.Site, at, i.Length, ByReduction},
		},
		{
			`insert into erasure_object (erasure, site_id, sop_uid, sha256, pack, pack_offset, length) values ($1, $2, $3, $4, $5, $6, $7)`,
			[]any{erasure, i.Site, i.SOP.String(), i.SHA256[:], i.ref.Pack, i.ref.Offset, i.ref.Length},
		},
	} {
		if _, err := tx.Exec(ctx, s.text, s.args...); err != nil {
			return err
		}
	}
	if err := noteReduced(ctx, tx, i, dataset, policy, at); err != nil {
		return err
	}
	tx.OnCommit(a.poke)
	return a.Journal.Append(ctx, tx, journal.Entry{
		Site: i.Site, Actor: "system:archive", Kind: "archive.instance.reduced", Subject: i.SOP.String(),
		Data: encode(map[string]any{
			"study": i.Study, "series": i.Series, "policy": policy, "received_sha256": hex.EncodeToString(i.SHA256[:]), "received_length": i.Length,
			"sha256": hex.EncodeToString(now.SHA256[:]), "length": now.Length,
		}),
	})
}

func noteReduced(ctx context.Context, tx *db.Tx, i Instance, dataset [32]byte, policy string, at int64) error {
	_, err := tx.Exec(ctx, `insert into reduced (instance, site_id, sop_uid, sha256, dataset_sha256, length, policy, at_ms)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (instance) do nothing`,
		i.ID, i.Site, i.SOP.String(), i.SHA256[:], dataset[:], i.Length, policy, at)
	return err
}

// sameAsReceived reports whether a data set is the one that was received as an instance
// of which only the header is kept.
func (a *Archive) sameAsReceived(ctx context.Context, instance string, dataset [sha256.Size]byte) (bool, error) {
	var was []byte
	err := a.DB.QueryRow(ctx, `select dataset_sha256 from reduced where instance = $1 and policy <> '`+noPixels+`'`, instance).Scan(&was)
	if err != nil && fault.Of(err) == fault.NotFound {
		return false, nil
	}
	return err == nil && [sha256.Size]byte(was) == dataset, err
}
