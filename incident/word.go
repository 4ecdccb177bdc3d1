package incident

import "radagora/content"

// The sets of content with the words of the register.
const (
	kindSet  = "incident/kind"
	causeSet = "incident/cause"
)

// A Word is a code with its label.
type Word struct{ Code, Label string }

// Kinds are the kinds of incident, in a language.
func (r *Register) Kinds(siteID, language string) ([]Word, error) {
	return r.words(siteID, language, kindSet, "kinds", "kind_code")
}

// Severities are the grades, the mildest first.
func (r *Register) Severities(siteID, language string) ([]Word, error) {
	return r.words(siteID, language, kindSet, "severities", "severity_code")
}

// Causes are the causes, in a language.
func (r *Register) Causes(siteID, language string) ([]Word, error) {
	return r.words(siteID, language, causeSet, "causes", "cause_code")
}

// words reads a table of codes.
func (r *Register) words(siteID, language, set, table, column string) ([]Word, error) {
	t, err := r.Content.Table(siteID, set, table)
	if err != nil {
		return nil, err
	}
	if language != "de" && language != "fr" {
		language = "en"
	}
	return content.Collect(t, func(row *content.Row) Word {
		return Word{Code: row.Text(column), Label: row.Text("label_" + language)}
	})
}

// has reports whether a table has a code.
func (r *Register) has(siteID, set, table, column, code string) bool {
	all, err := r.words(siteID, "en", set, table, column)
	if err != nil {
		return false
	}
	for _, w := range all {
		if w.Code == code {
			return true
		}
	}
	return false
}
