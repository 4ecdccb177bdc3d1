package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"radagora/access"
	"radagora/dose/embryo"
	"radagora/fault"
)

type doseEmbryoCmd struct {
	Begin    embryoBeginCmd    `cmd:"" help:"Print a sheet of a study as JSON, with what is known of its irradiations."`
	Declare  embryoDeclareCmd  `cmd:"" help:"Calculate a sheet, and declare it."`
	List     embryoListCmd     `cmd:"" help:"Show the worksheets of a study with all their versions."`
	Withdraw embryoWithdrawCmd `cmd:"" help:"Say that a worksheet holds no more."`
}

// mostSheet bounds the file of a sheet.
const mostSheet = 1 << 20

type embryoBeginCmd struct {
	settings
	Study string `arg:"" help:"Accession number, or Study Instance UID."`
}

func (embryoBeginCmd) Help() string {
	return `Prints a worksheet of the dose to an embryo or fetus as JSON, to be filled in: a line for each irradiation of the study
with its DLP, dose area product or activity, and where the beam was. docs/dose-embryo.md describes the fields. The
program brings no conversion coefficients: whoever declares names each with its source.

Example:

    radagora dose embryo begin A100 --data /var/lib/radagora > sheet.json`
}

// Run prints it.
func (c embryoBeginCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		studies, err := (&view{house: h}).studiesNamed(ctx, c.Study)
		if err != nil {
			return err
		}
		if len(studies) > 1 {
			return fault.Errorf(fault.Conflict, "%d studies have that number: name one by its Study Instance UID", len(studies))
		}
		s, _, err := h.embryoStudy(ctx, studies[0].String())
		if err != nil {
			return err
		}
		return writeJSON(sys.Out, embryo.Begin(s))
	})
}

type embryoDeclareCmd struct {
	settings
	Try    bool   `help:"Only calculate and print; nothing is kept."`
	Of     string `placeholder:"ID" help:"Keep it as the next version of this worksheet."`
	Reason string `help:"Why there is a further version."`
	Sheet  string `arg:"" help:"JSON file, as \"radagora dose embryo begin\" prints it."`
}

func (embryoDeclareCmd) Help() string {
	return `Calculates a worksheet of the dose to an embryo or fetus and prints every step: value x coefficient x factor, added over
the lines, with the uncertainty. Then declares it under the name in the sheet, for good: a change is a further version, and
what no longer holds is withdrawn and stays.

Example:

    radagora dose embryo declare sheet.json --data /var/lib/radagora`
}

// Run calculates it, and keeps it.
func (c embryoDeclareCmd) Run(ctx context.Context, sys *system) error {
	s, err := readSheet(c.Sheet)
	if err != nil {
		return err
	}
	r, wrong := s.Calculate()
	if len(wrong) > 0 {
		return wrongSheet(wrong)
	}
	if c.Try {
		return printEmbryo(sys.Out, s, r)
	}
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		w, wrong, err := h.embryoDeclare(ctx, access.Local, c.Of, c.Reason, s)
		if err == nil && len(wrong) > 0 {
			err = wrongSheet(wrong)
		}
		if err != nil {
			return err
		}
		if err := printEmbryo(sys.Out, s, r); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "declared as version %d of worksheet %s\n", w.Version, w.ID)
		return err
	})
}

// readSheet reads a sheet from a file.
func readSheet(name string) (s embryo.Sheet, err error) {
	f, err := os.Open(name)
	if err != nil {
		return s, fault.As(fault.NotFound, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, mostSheet+1))
	if err != nil {
		return s, err
	}
	if len(raw) > mostSheet {
		return s, fault.Errorf(fault.Exhausted, "a sheet is of at most %d bytes", mostSheet)
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fault.Errorf(fault.Invalid, "no sheet as \"radagora dose embryo begin\" prints it: %w", err)
	}
	return s, nil
}

// embryoRules say in words what is wrong with a field.
var embryoRules = map[string]string{
	embryo.WrongNumber: "a number that is not negative", embryo.WrongQuantity: "one of " + strings.Join(embryo.Quantities(), ", "),
	embryo.WrongPlace: "one of " + strings.Join(embryo.Places(), ", "), embryo.WrongSource: "where the coefficient stands, or why there is no dose",
	embryo.WrongAge: "0 to 45 weeks and 0 to 6 days", embryo.WrongKnown: "with an age one of " + strings.Join(embryo.KnownBys(), ", "),
	embryo.WrongMethod: "by which method", embryo.WrongCombine: "one of " + strings.Join(embryo.Combines(), ", "), embryo.WrongName: "who declares",
	embryo.WrongLines: "at least one line, at most 100", embryo.WrongText: "text, and not too long", embryo.WrongUncertain: "at most 1000 per cent",
}

// wrongSheet names every field that is wrong, and what would be right.
func wrongSheet(all []embryo.Wrong) error {
	var words []string
	for _, w := range all {
		where := w.Field
		if w.Line > 0 {
			where = fmt.Sprintf("line %d, %s", w.Line, w.Field)
		}
		words = append(words, where+": "+embryoRules[w.Rule])
	}
	return fault.Errorf(fault.Invalid, "nothing is declared: %s", strings.Join(words, "; "))
}

// printEmbryo writes a sheet with its steps.
func printEmbryo(out io.Writer, s embryo.Sheet, r embryo.Result) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for i, step := range r.Steps {
		l := s.Lines[i]
		if step.Left {
			fmt.Fprintf(w, "%d\t%s\tnot counted\t%s\n", i+1, l.Name, l.Source)
			continue
		}
		fmt.Fprintf(w, "%d\t%s\t%s %s x %s mGy/(%s) x %s = %.4g mGy\t%s\n", i+1, l.Name, step.Value, step.Unit, step.Coefficient, step.Unit, step.Factor, step.Dose.Float(), l.Source)
	}
	uncertainty := "no uncertainty: not every line has one"
	if r.Uncertainty != "" {
		uncertainty = "+- " + r.Uncertainty + " mGy (coverage factor 2, " + r.Combine + ")"
	}
	fmt.Fprintf(w, "dose to the uterus\t\t%.4g mGy\t%s\n", r.Dose.Float(), uncertainty)
	return w.Flush()
}

type embryoListCmd struct {
	settings
	JSON  bool   `help:"Print an array with one element for each worksheet."`
	Study string `arg:"" help:"Accession number, or Study Instance UID."`
}

func (embryoListCmd) Help() string {
	return `Shows the worksheets of the dose to an embryo or fetus that were declared for a study, with every version, who declared it
and when.

Example:

    radagora dose embryo list A100 --data /var/lib/radagora`
}

// Run prints them.
func (c embryoListCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		studies, err := (&view{house: h}).studiesNamed(ctx, c.Study)
		if err != nil {
			return err
		}
		all := []apiWorksheet{}
		for _, study := range studies {
			list, err := h.worksheets(ctx, study.String())
			if err != nil {
				return err
			}
			all = append(all, list...)
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "WORKSHEET\tVERSION\tWHAT\tDAY\tDOSE\tNAME\tREASON")
		for _, one := range all {
			for _, v := range one.Versions {
				fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%.4g mGy\t%s\t%s\n", one.ID, v.Version, v.What, v.Day, v.Dose, v.Name, v.Reason)
			}
		}
		return w.Flush()
	})
}

type embryoWithdrawCmd struct {
	settings
	Study  string `arg:"" help:"Study Instance UID."`
	ID     string `arg:"" help:"Id of the worksheet."`
	Reason string `arg:"" help:"Why it holds no more."`
}

func (embryoWithdrawCmd) Help() string {
	return `Withdraws a worksheet. It stays with all its versions, marked as withdrawn, with the reason.

Example:

    radagora dose embryo withdraw 1.2.840.99 0198c0de-… "wrong patient" --data /var/lib/radagora`
}

// Run withdraws it.
func (c embryoWithdrawCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		return h.embryoWithdraw(ctx, access.Local, c.Study, c.ID, c.Reason)
	})
}
