package archive

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// The kinds of suspicion.
const (
	TwoPatients = "two_patients" // instances of one study name several
	Contradicts = "contradicts"  // another study of the same patient ID has another name, birth date or sex
	Unmatched   = "unmatched"    // it belongs to no order, or to one of another patient
	Late        = "late"         // images came after the study was complete, or after it was corrected
)

// A Suspect is a study that may be of another patient than it says.
type Suspect struct {
	Study
	Kind  string
	Other Study // of Contradicts, the one that says otherwise
}

// Suspects returns studies that came since a time and whose patient is in doubt, the
// latest first, at most limit of each kind: TwoPatients, Contradicts, and Late after a
// correction; without those of which somebody decided
// that nothing is to be done, unless something came since.
func (a *Archive) Suspects(ctx context.Context, site string, since time.Time, limit int) ([]Suspect, error) {
	const fresh = `site_id = $1 and received_at >= $2 and not exists (select 1 from suspect_dismissed
		where suspect_dismissed.site_id = study.site_id and suspect_dismissed.study_uid = study.study_uid and suspect_dismissed.kind = $3
		and suspect_dismissed.updated_ms >= study.updated_at) `
	mixed, err := db.List(ctx, a.DB, scanStudy, fromStudy+`where `+fresh+`and patient_differs order by received_at desc, id desc limit $4`,
		site, db.Millis(since), TwoPatients, limit)
	if err != nil {
		return nil, err
	}
	var all []Suspect
	for _, s := range mixed {
		all = append(all, Suspect{Study: s, Kind: TwoPatients})
	}
	late, err := db.List(ctx, a.DB, scanStudy, fromStudy+`where `+fresh+`and corrected <> '' and exists (select 1 from correction where
		correction.site_id = study.site_id and (correction.study_uid = study.study_uid or correction.new_study = study.study_uid)
		and correction.undone_ms = 0 and correction.at_ms < study.updated_at) order by received_at desc, id desc limit $4`, site, db.Millis(since), Late, limit)
	if err != nil {
		return nil, err
	}
	for _, s := range late {
		all = append(all, Suspect{Study: s, Kind: Late})
	}
	odd, err := db.List(ctx, a.DB, scanStudy, fromStudy+`where `+fresh+`and person <> '' and exists (select 1 from study as o
		where o.site_id = study.site_id and o.person <> '' and o.person = study.person and o.id <> study.id and `+contradicts+`)
		order by received_at desc, id desc limit $4`, site, db.Millis(since), Contradicts, limit)
	if err != nil {
		return nil, err
	}
	for _, s := range odd {
		list, err := db.List(ctx, a.DB, scanStudy, fromStudy+`where id = (select o.id from study join study as o
			on o.site_id = study.site_id and o.person <> '' and o.person = study.person and o.id <> study.id and `+contradicts+`
			where study.id = $1 order by o.received_at, o.id limit 1)`, s.ID)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			all = append(all, Suspect{Study: s, Kind: Contradicts, Other: list[0]})
		}
	}
	return all, nil
}

// contradicts compares a study and another of the same person.
const contradicts = `(o.patient_birth_date <> '' and study.patient_birth_date <> '' and o.patient_birth_date <> study.patient_birth_date
	or o.patient_sex <> '' and study.patient_sex <> '' and o.patient_sex <> study.patient_sex
	or o.patient_name_folded <> '' and study.patient_name_folded <> '' and o.patient_name_folded <> study.patient_name_folded)`

// A Part is what one series of a study says of its patient.
type Part struct {
	Series                              uid.UID
	Modality, Description               string
	PatientID, Issuer, Name, Birth, Sex Personal
	Instances                           int64
}

// Parts returns what the series of a study say of their patient, under what was
// corrected; a series that names several is several parts. It reads every header.
func (a *Archive) Parts(ctx context.Context, site string, study uid.UID) ([]Part, error) {
	series, err := a.SeriesOf(ctx, site, study)
	if err != nil {
		return nil, err
	}
	received, err := a.asReceived(ctx, site, study)
	if err != nil {
		return nil, err
	}
	l, err := overlaysOf(ctx, a.DB, site, study.String())
	if err != nil {
		return nil, err
	}
	var all []Part
	for _, s := range series {
		for _, n := range received {
			if n.series != s.UID {
				continue
			}
			h := l.header(n.header)
			p := Part{
				Series: s.UID, Modality: s.Modality, Description: s.Description, PatientID: Conceal(h.patient[patientID]), Issuer: Conceal(h.patient[patientIssuer]),
				Name: Conceal(h.patient[patientName]), Birth: Conceal(h.patient[3]), Sex: Conceal(h.patient[4]),
			}
			i := slices.IndexFunc(all, func(q Part) bool { q.Instances = 0; return q == p })
			if i < 0 {
				all, i = append(all, p), len(all)
			}
			all[i].Instances++
		}
	}
	return all, nil
}

// Dismiss says that nothing is to be done about a suspicion. Invalid: no reason, or no
// such kind; NotFound: no such study.
func (a *Archive) Dismiss(ctx context.Context, site string, study uid.UID, kind, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxReason || !slices.Contains([]string{TwoPatients, Contradicts, Unmatched, Late}, kind) {
		return fault.Errorf(fault.Invalid, "a reason of at most %d bytes is needed", maxReason)
	}
	s, err := a.Study(ctx, site, study)
	if err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into suspect_dismissed (site_id, study_uid, kind, updated_ms, reason, actor, at_ms) values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (site_id, study_uid, kind) do update set updated_ms = excluded.updated_ms, reason = excluded.reason, actor = excluded.actor, at_ms = excluded.at_ms`,
			site, study.String(), kind, db.Millis(s.UpdatedAt), reason, actorOf(ctx), db.Millis(a.Now()))
		if err != nil {
			return err
		}
		e := journal.Entry{
			Site: site, Actor: actorOf(ctx), Kind: "archive.suspect.dismissed", Subject: study.String(), Person: s.Person.Reveal(),
			Data: encode(map[string]any{"study": study, "kind": kind}),
		}
		if e.Person != "" {
			e.Payload = encode(map[string]any{"reason": reason})
		}
		return a.Journal.Append(ctx, tx, e)
	})
}

// Dismissed returns the studies of which somebody decided that nothing is to be done
// about a kind of suspicion, and that did not change since.
func (a *Archive) Dismissed(ctx context.Context, site, kind string) (map[string]bool, error) {
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study.study_uid from suspect_dismissed join study on study.site_id = suspect_dismissed.site_id and study.study_uid = suspect_dismissed.study_uid
		where suspect_dismissed.site_id = $1 and suspect_dismissed.kind = $2 and suspect_dismissed.updated_ms >= study.updated_at`, site, kind)
	all := make(map[string]bool, len(list))
	for _, s := range list {
		all[s] = true
	}
	return all, err
}
