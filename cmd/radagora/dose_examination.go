package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
)

type doseExaminationCmd struct {
	settings
	JSON bool   `name:"json" help:"Print an array with one element for each examination."`
	Name string `arg:"" help:"Accession number, or Study Instance UID."`
}

func (doseExaminationCmd) Help() string {
	return `Shows each examination of a study beside its reference level: what it is and how that is known (order, protocol,
assumed), how big the patient was with who said so and when, and the median of its room in the twelve months up to
it beside the level that governs. Whose it is is noted.

Example:

    radagora dose examination --data /var/lib/radagora A100`
}

// A comparedExamination is an examination with the sizes that were considered and the
// rows it stands in.
type comparedExamination struct {
	Examination
	Order       string          `json:"order,omitempty"` // accession number
	NamedBy     string          `json:"examination_known_by,omitempty"`
	Sizes       []dose.Size     `json:"sizes"`
	Comparisons []apiComparison `json:"comparisons"`
	Estimated
	rows []*dose.Row
	at   time.Time
}

// Run prints the examinations.
func (c doseExaminationCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		v := &view{house: h}
		studies, err := v.studiesNamed(ctx, c.Name)
		if err != nil {
			return err
		}
		all := []comparedExamination{}
		for _, study := range studies {
			if all, err = v.compared(ctx, study, all); err != nil {
				return err
			}
		}
		if len(all) == 0 {
			return fault.Errorf(fault.NotFound, "no examination with doses of that study")
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		for i := range all {
			if err := v.printCompared(ctx, w, &all[i]); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

// studiesNamed returns the study of a UID, or those of an accession number.
func (v *view) studiesNamed(ctx context.Context, name string) ([]uid.UID, error) {
	if u, err := uid.Parse(name); err == nil {
		if _, err := v.Archive.Study(ctx, at, u); err == nil || fault.Of(err) != fault.NotFound {
			return []uid.UID{u}, err
		}
	}
	reach, err := access.ReachOf(ctx, access.ObjectRead, at)
	if err != nil {
		return nil, err
	}
	list, err := v.Archive.Studies(ctx, at, archive.Filter{Reach: reach, AccessionNumber: name}, archive.Cursor{}, studiesPageSize)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no study %.64q", name)
	}
	var all []uid.UID
	for _, s := range list {
		all = append(all, s.UID)
	}
	return all, err
}

// compared adds the examinations of a study, each with the rows it stands in.
func (v *view) compared(ctx context.Context, study uid.UID, all []comparedExamination) ([]comparedExamination, error) {
	if err := v.mayStudy(ctx, access.ExaminationRead, study); err != nil {
		return all, err
	}
	s, err := v.Dose.Study(ctx, at, study.String())
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = nil // it has no dose
		}
		return all, err
	}
	rooms, err := v.roomsOf(ctx, at)
	if err != nil {
		return all, err
	}
	zone := v.zone(ctx)
	for _, i := range s.Items {
		e := comparedExamination{
			Examination: apiExaminationOf(i), Order: i.Known.Accession, NamedBy: i.Known.From, Sizes: append([]dose.Size{}, i.Known.Sizes...),
			Comparisons: []apiComparison{}, at: moment(cmp.Or(i.Started, i.Day), zone),
		}
		if e.Estimated, err = v.estimated(s, i, ""); err != nil {
			return all, err
		}
		period := dose.Last(12, e.at)
		o, err := v.Dose.OverviewFor(ctx, at, period, rooms, access.From(ctx).For(at))
		if err != nil {
			return all, err
		}
		for _, r := range o.Rows {
			if r.Holds(i.Study, i.Key) {
				e.Comparisons, e.rows = append(e.Comparisons, apiComparisonOf(period, r)), append(e.rows, r)
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// printCompared writes one examination, a fact a line.
func (v *view) printCompared(ctx context.Context, w *tabwriter.Writer, e *comparedExamination) error {
	fmt.Fprintf(w, "examination\t%s\t%s\t%s\n", cmp.Or(e.Exam, "not mapped"), e.Started, e.Name)
	if e.Indication != "" {
		fmt.Fprintf(w, "indication\t%s\tknown by: %s\n", e.Indication, e.KnownBy)
	}
	if e.Order != "" {
		fmt.Fprintf(w, "order\t%s\texamination known by: %s\n", e.Order, cmp.Or(e.NamedBy, "nothing"))
	}
	for _, s := range e.Sizes {
		b, err := v.bodySaid(ctx, s, e.at)
		if err != nil {
			return err
		}
		use := "used"
		if !s.Used {
			use = "not used: " + s.Why
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\n", b.Kind, strconv.FormatFloat(s.Value, 'f', -1, 64), s.Unit, strings.Join([]string{strings.TrimSpace(s.Source + " " + b.Origin), aged(s, b.Days), use}, ", "))
	}
	e.print(w)
	for _, r := range e.rows {
		level := "no level governs"
		if r.Governing != nil {
			level = fmt.Sprintf("level %v (%s %s)", r.Governing.Value, r.Governing.Set.ID, r.Governing.Set.Edition)
		}
		fmt.Fprintf(w, "%s\tmedian %v %s of %d\t%s, %s\n", r.Measure, r.Median, r.Unit, r.N, level, r.State)
	}
	return nil
}

// aged says how old a size was at an examination.
func aged(s dose.Size, days int) string {
	switch {
	case s.Source == dose.SizeFromReport:
		return "no time of measurement"
	case days < 0:
		return strconv.Itoa(-days) + " d after"
	}
	return strconv.Itoa(days) + " d before"
}
