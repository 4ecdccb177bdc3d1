package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"radagora/dose"
	"radagora/fault"
	"radagora/ucum"
)

type doseCmd struct {
	Read        doseReadCmd        `cmd:"" help:"Read dose reports file by file."`
	Study       doseStudyCmd       `cmd:"" help:"Read dose reports and join them by study."`
	Skin        doseSkinCmd        `cmd:"" help:"Estimate the peak skin dose of angiography and fluoroscopy."`
	Water       doseWaterCmd       `cmd:"" help:"Measure the water-equivalent diameter in CT images."`
	Level       doseLevelCmd       `cmd:"" help:"Enter, check, export, propose and choose reference levels."`
	Case        doseCaseCmd        `cmd:"" help:"List, judge and close the cases of alert rules."`
	Map         doseMapCmd         `cmd:"" help:"Say what local names of protocols and procedures mean."`
	Calibration doseCalibrationCmd `cmd:"" help:"Correct reported doses by calibrations of dose meters."`

	Embryo   doseEmbryoCmd   `cmd:"" help:"Declare the dose to an embryo or fetus."`
	Sentence doseSentenceCmd `cmd:"" help:"Print the sentence on the dose for the report of a study."`

	Split  doseSplitCmd  `cmd:"" help:"Say which events of a study are one examination."`
	Reread doseRereadCmd `cmd:"" help:"Read everything again with the present reader, and say what changed."`

	View     doseViewCmd     `cmd:"" help:"Save views of dose tables, and copy them on schedule."`
	SQL      doseSQLCmd      `cmd:"" name:"sql" help:"Let programs read views of the database."`
	Report   doseReportCmd   `cmd:"" help:"Print the report for the radiation-protection committee."`
	Registry doseRegistryCmd `cmd:"" help:"Make files for registries and surveys, and keep their receipts."`

	Reject doseRejectCmd `cmd:"" help:"Count rejected exposures from the logs of machines."`

	Enter doseEnterCmd `cmd:"" help:"Enter doses that no device sends: type in, import, reconcile."`

	Examination doseExaminationCmd `cmd:"" help:"Show the examinations of a study beside their levels."`
	Protocol    doseProtocolCmd    `cmd:"" help:"List the protocols of scanners, what a change did, and how dose checks are set up."`
}

type doseReadCmd struct {
	JSON  bool     `help:"Print an array with one element for each file."`
	Files []string `arg:"" name:"file" help:"DICOM file."`
}

func (doseReadCmd) Help() string {
	return `Reads radiation dose reports (PS3.16 TID 10001, 10011, 10021), and what headers of images tell of their
irradiation where there is no report, each file for itself. Every number comes with its unit, its place and what
was done to it; docs/format/dose-json.md describes the JSON. A file that tells of no dose says so and does not
stop the others.
Exits with 0 if all could be read, 1 if any could not.

Example:

    radagora dose read report.dcm --json`
}

// Run prints what each file says.
func (c doseReadCmd) Run(sys *system) error {
	all := make([]dose.FileJSON, len(c.Files))
	bad := 0
	for i, name := range c.Files {
		r, err := readReport(name)
		all[i] = dose.NewFileJSON(name, r, err)
		if err != nil {
			bad++
		}
	}
	if err := c.print(sys.Out, all); err != nil {
		return err
	}
	return partly(bad, len(c.Files))
}

// print writes JSON, or a table for people.
func (c doseReadCmd) print(w io.Writer, all []dose.FileJSON) error {
	if c.JSON {
		return writeJSON(w, all)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range all {
		if f.Error != nil {
			fmt.Fprintf(t, "%s\t%s\n", f.File, *f.Error)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d events\t%s\t%d warnings\n", f.File, word(f.Kind), f.EventCount, totals(f.Totals), len(f.Warnings))
	}
	return t.Flush()
}

type doseStudyCmd struct {
	JSON  bool     `help:"Print an array with one element for each study."`
	Files []string `arg:"" name:"file" help:"DICOM file."`
}

func (doseStudyCmd) Help() string {
	return `Reads radiation dose reports and headers of images, and joins those of one study: cumulative, continued and
repeated reports and all images of one exposure count each irradiation once, in whatever order the files are given.
Exits with 0 if all could be read, 1 if any could not.

Example:

    radagora dose study *.dcm --json`
}

// Run prints what the files say together.
func (c doseStudyCmd) Run(sys *system) error {
	var reports []*dose.Report
	bad := 0
	for _, name := range c.Files {
		r, err := readReport(name)
		if err != nil {
			bad++
			fmt.Fprintf(sys.Err, "radagora: %s: %v\n", name, err)
			continue
		}
		reports = append(reports, r)
	}
	all := []dose.StudyJSON{}
	for _, s := range dose.Join(reports) {
		all = append(all, dose.NewStudyJSON(s))
	}
	if err := c.print(sys.Out, all); err != nil {
		return err
	}
	return partly(bad, len(c.Files))
}

// print writes JSON, or a table for people.
func (c doseStudyCmd) print(w io.Writer, all []dose.StudyJSON) error {
	if c.JSON {
		return writeJSON(w, all)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, s := range all {
		fmt.Fprintf(t, "%s\t%d reports\t%d events\t%s\t%d warnings\n", word(s.Study), len(s.Reports), s.EventCount, totals(s.Totals), len(s.Warnings))
	}
	return t.Flush()
}

// readReport reads the report in a file.
func readReport(name string) (*dose.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.As(fault.NotFound, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return dose.ReadFile(f, info.Size())
}

// totals writes the declared totals that there are.
func totals(t dose.TotalsJSON) string {
	for _, q := range []struct {
		value *ucum.Decimal
		name  string
	}{{t.DLP, "mGy.cm"}, {t.DAP, "Gy.m2"}, {t.AGD, "mGy"}, {t.Activity, "MBq"}} {
		if q.value != nil {
			return q.value.String() + " " + q.name
		}
	}
	return "no total"
}

// word returns what p points to, "" for nil.
func word(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// writeJSON writes v with one element a line as far as that can be.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// partly returns an error if some of n did not work.
func partly(bad, n int) error {
	if bad == 0 {
		return nil
	}
	return fault.Errorf(fault.Invalid, "%d of %d files could not be read", bad, n)
}
