package archive

import (
	"context"

	"radagora/db"
)

// nameless names the person of the studies that a migration could not.
func (a *Archive) nameless(ctx context.Context) error {
	for {
		type study struct{ id, site, issuer, patient string }
		list, err := db.List(ctx, a.DB, func(r *db.Rows) (s study, err error) {
			return s, r.Scan(&s.id, &s.site, &s.issuer, &s.patient)
		}, `select id, site_id, issuer_of_patient_id, patient_id from study where person = '' and patient_id <> '' limit 500`)
		if err != nil || len(list) == 0 {
			return err
		}
		err = a.DB.Write(ctx, func(tx *db.Tx) error {
			for _, s := range list {
				who := Person(s.issuer, s.patient)
				if _, err := tx.Exec(ctx, `update study set person = $2 where id = $1`, s.id, who); err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, insertPerson, s.site, who, s.id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// A Patient is a person as studies name them.
type Patient struct {
	Person               string
	Name, BirthDate, Sex Personal
	Studies              int
}

const fromPatient = `select person, patient_name, patient_birth_date, patient_sex, count(*) from study `

// Patients returns the persons of a site who were born on a day, YYYYMMDD, once for
// each way in which studies name them.
func (a *Archive) Patients(ctx context.Context, site, birthDate string) ([]Patient, error) {
	return db.List(ctx, a.DB, scanPatient, fromPatient+`where site_id = $1 and patient_birth_date <> '' and patient_birth_date = $2 and person <> ''
		group by person, patient_name, patient_birth_date, patient_sex order by person, patient_name`, site, birthDate)
}

// Patient returns the ways in which the studies of a person name them; none if
// there are no studies.
func (a *Archive) Patient(ctx context.Context, site, person string) ([]Patient, error) {
	return db.List(ctx, a.DB, scanPatient, fromPatient+`where site_id = $1 and person <> '' and person = $2
		group by person, patient_name, patient_birth_date, patient_sex order by patient_name`, site, person)
}

// PatientsNamed returns persons whose name begins with a text, whatever the case
// and accents, by name, at most limit of them.
func (a *Archive) PatientsNamed(ctx context.Context, site, name string, limit int) ([]Patient, error) {
	begin, _ := FoldName(name)
	return db.List(ctx, a.DB, scanPatient, fromPatient+`where site_id = $1 and patient_name_folded >= $2 and patient_name_folded < $3 and person <> ''
		group by person, patient_name, patient_birth_date, patient_sex order by patient_name, person limit $4`, site, begin, begin+"\U0010ffff", limit)
}

// BirthDates returns days behind after on which more than one person of a site was
// born, at most limit of them.
func (a *Archive) BirthDates(ctx context.Context, site, after string, limit int) ([]string, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select patient_birth_date from study where site_id = $1 and patient_birth_date <> '' and patient_birth_date > $2 and person <> ''
		group by patient_birth_date having count(distinct person) > 1 order by patient_birth_date limit $3`, site, after, limit)
}

func scanPatient(r *db.Rows) (p Patient, err error) {
	return p, r.Scan(&p.Person, &p.Name, &p.BirthDate, &p.Sex, &p.Studies)
}

// StudyUIDs returns the Study Instance UIDs of the studies that name a person.
func (*Archive) StudyUIDs(ctx context.Context, q db.Querier, site, person string) ([]string, error) {
	return db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study.study_uid from study_person join study on study.id = study_person.study
		where study_person.site_id = $1 and study_person.person = $2 order by study.study_uid`, site, person)
}

// PersonOf returns whom a study is filed under, "" if it names nobody or there is no
// such study.
func (a *Archive) PersonOf(ctx context.Context, site, study string) (string, error) {
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select person from study where site_id = $1 and study_uid = $2`, site, study)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// Key returns the person of a patient ID as this installation keeps it: in a
// minimised one, under the hash of the ID.
func (a *Archive) Key(issuer, patientID string) string {
	if a.Minimise != nil {
		patientID = a.Minimise.hash("patient", patientID, hashLength)
	}
	return Person(issuer, patientID)
}
