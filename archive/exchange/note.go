package exchange

import (
	"context"
	"iter"

	"radagora/archive"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Who was given instances that are rejected afterwards is given the note that says so
// (IHE RAD-66), whether or not it is hidden here.

// notes returns the rejection notes of a study about instances of which has.
func (x *Exchange) notes(ctx context.Context, t Transfer, has map[string]bool) iter.Seq2[archive.Instance, error] {
	return func(yield func(archive.Instance, error) bool) {
		study, err := uid.Parse(t.Study)
		if err != nil {
			yield(archive.Instance{}, fault.As(fault.Invalid, err))
			return
		}
		list, err := x.Studies.Notes(ctx, t.Site, study)
		if err != nil {
			yield(archive.Instance{}, err)
			return
		}
		for _, n := range list {
			if n.CallingAE != t.Peer && concerns(n, has) && !yield(n.Instance, nil) {
				return
			}
		}
	}
}

// concerns reports whether a note names one of some instances.
func concerns(n archive.Note, some map[string]bool) bool {
	for sop := range n.Names {
		if some[sop] {
			return true
		}
	}
	return false
}

// tell has every peer that took what is rejected of a study be sent the notes it does
// not have, but for whom they came from.
func (x *Exchange) tell(ctx context.Context, tx *db.Tx, site, study string) error {
	u, err := uid.Parse(study)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	notes, err := x.Studies.Notes(ctx, site, u)
	if err != nil || len(notes) == 0 {
		return err
	}
	list, err := db.List(ctx, tx, func(r *db.Rows) (s [2]string, err error) { return s, r.Scan(&s[0], &s[1]) },
		`select peer, sop_uid from exchange_sent where site_id = $1 and study_uid = $2 and status = 0 order by peer`, site, study)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		peer, has := list[0][0], map[string]bool{}
		for len(list) > 0 && list[0][0] == peer {
			has[list[0][1]], list = true, list[1:]
		}
		for _, n := range notes {
			if n.CallingAE == peer || has[n.SOP.String()] || !concerns(n, has) {
				continue
			}
			if err := x.add(ctx, tx, Transfer{Site: site, Peer: peer, Study: study, Part: Notes, By: "system:exchange"}); err != nil {
				return err
			}
			break
		}
	}
	return nil
}
