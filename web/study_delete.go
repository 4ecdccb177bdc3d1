package web

import (
	"net/http"
	"strings"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// studyDeletion asks which part of a study is to be deleted, and why.
func (s *server) studyDeletion(v *visit) error { return v.showDeletion("", "", nil) }

func (v *visit) showDeletion(series, reason string, wrong map[string]string) error {
	st, err := v.Studies.Study(v.r.Context(), v.r.PathValue("uid"))
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("delete.title"), lead: joined(v.studyTitle(st.Row), orElse(st.Row.Patient, st.Row.ID), v.dicomDay(st.Row.Date)), section: "/images",
		crumbs: []crumb{{v.p.T("nav.studies"), "/images"}, {v.studyTitle(st.Row), studyAddress(st.Row.UID)}},
	}
	if wrong != nil {
		pg.status = http.StatusBadRequest
	}
	return v.show(pg, deletionBody(v, st, series, reason, wrong))
}

// deletable are the parts of a study.
func (v *visit) deletable(st StudyPage) []face.Choice {
	var all []face.Choice
	for _, one := range st.Series {
		all = append(all, face.Choice{Code: one.UID, Label: joined(one.Modality, one.Number, one.Description, v.p.T("studies.instances", lang.Args{"n": one.Instances}))})
	}
	return all
}

// studyDelete deletes a study or one of its series.
func (s *server) studyDelete(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	study, series, reason := v.r.PathValue("uid"), v.r.PostForm.Get("series"), strings.TrimSpace(v.r.PostForm.Get("reason"))
	err := s.Studies.Delete(v.r.Context(), study, series, reason)
	if wrong := v.refused(err); wrong != nil {
		return v.showDeletion(series, reason, wrong)
	}
	if err != nil {
		return err
	}
	if series != "" {
		return v.back(studyAddress(study), "study_deleted")
	}
	return v.back("/images", "study_deleted")
}
