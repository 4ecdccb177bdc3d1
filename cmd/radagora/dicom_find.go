package main

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"

	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// dicomFindCmd asks a peer what it has.
type dicomFindCmd struct {
	dicomLine
	question
	Worklist bool `help:"Ask for its worklist instead."`
	Limit    int  `default:"100" help:"At most so many answers; 0 is all."`
	JSON     bool `name:"json" help:"Print DICOM JSON, an answer a line."`
}

func (dicomFindCmd) Help() string {
	return `Asks a peer (C-FIND) and prints a line for each answer, a column for each key, with a tab between them. What comes
back shows names of patients. Without keys it asks for the usual ones of the level.

Examples:

    radagora dicom find --to PACS=10.0.0.5:104 PatientID=4711 StudyDate StudyDescription
    radagora dicom find --to PACS=10.0.0.5:104 --level SERIES StudyInstanceUID=1.2.3 Modality SeriesInstanceUID
    radagora dicom find --to RIS=10.0.0.6:104 --worklist PatientName ScheduledProcedureStepSequence.Modality=CT`
}

// usualKeys are asked for where none are given.
var usualKeys = map[string][]string{
	"PATIENT": {"PatientID", "PatientName", "PatientBirthDate"},
	"STUDY":   {"StudyDate", "PatientID", "PatientName", "ModalitiesInStudy", "StudyDescription", "StudyInstanceUID"},
	"SERIES":  {"StudyInstanceUID", "SeriesNumber", "Modality", "SeriesDescription", "SeriesInstanceUID"},
	"IMAGE":   {"StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber", "SOPClassUID", "SOPInstanceUID"},
	"": {
		"PatientID", "PatientName", "AccessionNumber", "RequestedProcedureDescription", "StudyInstanceUID",
		"ScheduledProcedureStepSequence.Modality", "ScheduledProcedureStepSequence.ScheduledStationAETitle",
		"ScheduledProcedureStepSequence.ScheduledProcedureStepStartDate", "ScheduledProcedureStepSequence.ScheduledProcedureStepStartTime",
	},
}

// Run asks and prints.
func (c dicomFindCmd) Run(ctx context.Context, sys *system) error {
	class := c.model(uid.StudyRootQueryRetrieveInformationModelFind, uid.PatientRootQueryRetrieveInformationModelFind)
	level := c.Level
	if c.Worklist {
		class, level = uid.ModalityWorklistInformationModelFind, ""
	}
	if len(c.Keys) == 0 {
		c.Keys = usualKeys[level]
	}
	ask, err := identifier(level, c.Keys)
	if err != nil {
		return err
	}
	assoc, err := c.dial(ctx, sys, dimse.Config{Propose: []dimse.Proposal{{SOPClass: class, Syntaxes: querySyntaxes}}})
	if err != nil {
		return err
	}
	defer assoc.Abort()
	out := bufio.NewWriter(sys.Out)
	n, err := c.print(ctx, out, assoc, class, ask)
	if ended := out.Flush(); err == nil {
		err = ended
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.Err, "%s\n", answers(n))
	return assoc.Release(ctx)
}

// answers says how many there were.
func answers(n int) string {
	if n == 1 {
		return "1 answer"
	}
	return fmt.Sprintf("%d answers", n)
}

// print prints what comes, and returns how much that was.
func (c dicomFindCmd) print(ctx context.Context, out *bufio.Writer, assoc *dimse.Association, class uid.UID, ask *dicom.Dataset) (n int, err error) {
	var columns []string
	for _, k := range c.Keys {
		name, _, _ := strings.Cut(k, "=")
		columns = append(columns, name)
	}
	if !c.JSON {
		fmt.Fprintln(out, strings.Join(columns, "\t"))
	}
	for ds, err := range assoc.Find(ctx, class, ask) {
		if err != nil {
			return n, err
		}
		if n++; c.JSON {
			err = dicom.WriteJSON(out, ds, dicom.JSONOptions{})
			fmt.Fprintln(out)
		} else {
			_, err = fmt.Fprintln(out, strings.Join(columnsOf(ds, columns), "\t"))
		}
		if err != nil || n == c.Limit {
			return n, err
		}
	}
	return n, nil
}

// columnsOf returns the values of columns; what would break the table becomes a space.
func columnsOf(ds *dicom.Dataset, columns []string) []string {
	var out []string
	for _, c := range columns {
		in, name := ds, c
		if of, name2, ok := strings.Cut(c, "."); ok {
			t, _ := tag.ByKeyword(of) // it was one when it was asked
			in, name = ds.Item(t), name2
		}
		value := ""
		if t, ok := tag.ByKeyword(name); ok && in != nil {
			value = strings.Join(slices.DeleteFunc(in.Texts(t), func(s string) bool { return s == "" }), `\`)
		}
		out = append(out, strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, value))
	}
	return out
}
