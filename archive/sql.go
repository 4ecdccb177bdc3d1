package archive

import (
	"fmt"
	"strings"
)

// The statements of the index. Their columns come from the tables of attributes.
var (
	studyTexts  = append(columnNames(patientColumns), columnNames(studyColumns)...)
	studyFolds  = []string{"patient_name_folded", "patient_name_other", "referring_physician_folded", "study_description_folded", "person"}
	seriesTexts = columnNames(seriesColumns)

	insertStudy = insert("study", join([]string{"id", "site_id", "study_uid"}, studyTexts, studyFolds,
		[]string{"patient_differs", "modalities", "series_count", "instance_count", "size_bytes", "received_at", "updated_at", "corrected"})) +
		" on conflict (site_id, study_uid) do nothing"
	insertSeries = insert("series", join([]string{"id", "site_id", "study", "series_uid"}, seriesTexts,
		[]string{"series_number", "machine", "instance_count", "size_bytes", "received_at", "updated_at"})) +
		" on conflict (study, series_uid) do nothing"
	insertInstance = insert("instance", join([]string{"id", "site_id", "series", "sop_uid", "sop_class"}, columnNames(instanceColumns), numberNames(),
		[]string{"transfer_syntax", "pack", "pack_offset", "length", "sha256", "dataset_at", "door", "calling_ae", "received_at", "repeats", "called_ae"})) +
		" on conflict (site_id, sop_uid) do nothing"
	insertQuarantine = insert("quarantine", []string{
		"id", "site_id", "reason", "instance", "study_uid", "series_uid", "sop_uid", "sop_class",
		"transfer_syntax", "dataset_sha256", "pack", "pack_offset", "length", "sha256", "dataset_at", "door", "calling_ae", "received_at", "repeats", "person",
	}) + " on conflict (site_id, sop_uid, dataset_sha256) do nothing"

	selectStudyState  = "select id, patient_differs, varies, corrected, " + strings.Join(studyTexts, ", ") + " from study where site_id = $1 and study_uid = $2"
	selectSeriesState = "select id, machine, series_number, " + strings.Join(seriesTexts, ", ") + " from series where study = $1 and series_uid = $2"
	updateStudy       = update("study", append(join(studyTexts, studyFolds), "patient_differs", "varies"))
	updateSeries      = update("series", append(join(seriesTexts), "series_number"))
)

const (
	countStudy = `update study set instance_count = instance_count + 1, size_bytes = size_bytes + $2,
		updated_at = case when updated_at < $3 then $3 else updated_at end,
		received_at = case when received_at > $3 then $3 else received_at end where id = $1`
	countSeries = `update series set instance_count = instance_count + 1, size_bytes = size_bytes + $2,
		updated_at = case when updated_at < $3 then $3 else updated_at end,
		received_at = case when received_at > $3 then $3 else received_at end where id = $1`
	countKnown        = countStudy + ` and corrected = $4`
	summarise         = `update study set modalities = $2, series_count = (select count(*) from series where study = $1) where id = $1`
	modalities        = `select distinct modality from series where study = $1 and modality <> '' order by modality`
	insertEvent       = `insert into instance_event (site_id, event_uid, instance) values ($1, $2, $3) on conflict do nothing`
	insertPerson      = `insert into study_person (site_id, person, study) values ($1, $2, $3) on conflict do nothing`
	repeatOne         = `update instance set repeats = repeats + 1 where id = $1`
	repeatQuarantined = `update quarantine set repeats = repeats + 1
		where site_id = $1 and sop_uid = $2 and dataset_sha256 = $3`
)

func columnNames(columns []column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

func numberNames() []string {
	names := make([]string, len(instanceNumbers))
	for i, c := range instanceNumbers {
		names[i] = c.name
	}
	return names
}

func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// insert returns a statement whose arguments are the columns in order.
func insert(table string, columns []string) string {
	marks := make([]string, len(columns))
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	return "insert into " + table + " (" + strings.Join(columns, ", ") + ") values (" + strings.Join(marks, ", ") + ")"
}

// update returns a statement whose arguments are the id and the columns in order.
func update(table string, columns []string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = fmt.Sprintf("%s = $%d", c, i+2)
	}
	return "update " + table + " set " + strings.Join(sets, ", ") + " where id = $1"
}

// args puts lists of values after one another.
func args(parts ...any) []any {
	var all []any
	for _, p := range parts {
		switch p := p.(type) {
		case []string:
			for _, s := range p {
				all = append(all, s)
			}
		case []*int64:
			for _, n := range p {
				all = append(all, nullable(n))
			}
		default:
			all = append(all, p)
		}
	}
	return all
}

func nullable(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}
