package main

import (
	"context"
	"fmt"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
)

type doseSentenceCmd struct {
	settings
	JSON  bool   `help:"Print an array with one object for each study: sentence and values."`
	In    string `default:"en" placeholder:"LANGUAGE" help:"Language of the sentence."`
	Study string `arg:"" help:"Accession number, or Study Instance UID."`
}

func (doseSentenceCmd) Help() string {
	return `Prints the sentence on the dose of a study for its report (2013/59/Euratom, article 58(b)), in the words of the content set
dose/sentence, which a site replaces with its own. Words that nobody has checked end with a mark. Receivers of HL7 v2 messages
get the same one in an OBX.

Example:

    radagora dose sentence A100 --in de --data /var/lib/radagora`
}

// A studySentence is what is told of a study.
type studySentence struct {
	Study    string         `json:"study"`
	Sentence string         `json:"sentence"`
	Values   []sentenceDose `json:"values"`
}

// A sentenceDose is one quantity of it, as it stands in an OBX.
type sentenceDose struct {
	Quantity string `json:"quantity"`
	Part     string `json:"part,omitempty"`
	Value    string `json:"value"`
	Unit     string `json:"unit"`
}

// Run prints it.
func (c doseSentenceCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		studies, err := (&view{house: h}).studiesNamed(ctx, c.Study)
		if err != nil {
			return err
		}
		catalogue, err := lang.Open()
		if err != nil {
			return err
		}
		all := []studySentence{}
		for _, study := range studies {
			if err := h.mayStudy(ctx, access.ExaminationRead, study); err != nil {
				return err
			}
			s, err := h.Dose.Study(ctx, at, study.String())
			if err != nil && fault.Of(err) == fault.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			one := studySentence{Study: s.UID, Values: []sentenceDose{}}
			sentence, values, err := doseTeller{h, catalogue}.told(s, s.Items, c.In)
			if err != nil {
				return err
			}
			one.Sentence = sentence
			for _, v := range values {
				one.Values = append(one.Values, sentenceDose{v.Quantity, v.Part, v.Value, v.Unit})
			}
			if sentence != "" {
				all = append(all, one)
			}
		}
		if len(all) == 0 {
			return fault.Errorf(fault.NotFound, "no dose of a patient in that study")
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		for _, one := range all {
			if _, err := fmt.Fprintln(sys.Out, one.Sentence); err != nil {
				return err
			}
		}
		return nil
	})
}
