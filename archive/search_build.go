package archive

import (
	"context"
	"slices"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// The fields of words: who may see identities searches in all, others in texts alone.
const (
	wordName = "n" // of the patient
	wordID   = "i" // patient ID, accession number
	wordText = "t" // description, modality, referring physician, study ID
)

// Bounds of what is indexed of one study.
const (
	maxWords   = 64
	maxWordLen = 64 // characters
)

// wordsOf returns what a study is found by, as field:word, sorted.
func wordsOf(s Study) []string {
	var all []string
	add := func(field string, words ...string) {
		for _, w := range words {
			if w = short(w); w != "" {
				all = append(all, field+":"+w)
			}
		}
	}
	add(wordName, searchedName(s.PatientName.Reveal())...)
	for _, id := range []string{s.PatientID.Reveal(), s.AccessionNumber.Reveal()} {
		folded := joinedUp(id)
		add(wordID, folded, strings.TrimLeft(folded, "0"))
	}
	add(wordText, textWords(s.Description)...)
	add(wordText, nameWords(s.ReferringPhysician.Reveal())...)
	add(wordText, joinedUp(s.StudyID))
	for _, m := range s.Modalities {
		add(wordText, Fold(m))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxWords)]
}

// searchedName returns the words of a name; in a minimised installation, its hash.
func searchedName(name string) []string {
	if isHash(name, hashLength) {
		return []string{joinedUp(name)}
	}
	return nameWords(name)
}

// short cuts a word after maxWordLen characters.
func short(w string) string {
	n := 0
	for i := range w {
		if n++; n > maxWordLen {
			return w[:i]
		}
	}
	return w
}

// joinedUp folds an identifier, without spaces.
func joinedUp(s string) string { return strings.ReplaceAll(Fold(s), " ", "") }

// textWords returns the words of a description, folded.
func textWords(s string) []string {
	return strings.FieldsFunc(Fold(s), func(r rune) bool { return strings.ContainsRune(" ,.;:/\\()[]{}+-_&\"'^=", r) })
}

// grams returns the runs of three characters of a word with its ends marked.
func grams(word string) []string {
	r := []rune("^" + word + "$")
	var all []string
	for i := 0; i+3 <= len(r); i++ {
		all = append(all, string(r[i:i+3]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// prepareStudies writes the words of studies.
func (a *Archive) prepareStudies(ctx context.Context, ids []string) error {
	slices.Sort(ids) // whoever locks rows does it in one order
	for some := range slices.Chunk(ids, 25) {
		err := a.DB.Write(ctx, func(tx *db.Tx) error {
			for _, id := range some {
				if err := a.prepareStudy(ctx, tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// prepareStudy writes the words of one study as it is now.
func (a *Archive) prepareStudy(ctx context.Context, tx *db.Tx, id string) error {
	s, err := one(ctx, tx, scanStudy, "study", fromStudy+`where id = $1 `+tx.ForShare(), id)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		if err := a.forgetWords(ctx, tx, id); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		if err := a.putWords(ctx, tx, s); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `delete from prepare_due where kind = 'study' and id = $1`, id)
	return err
}

// putWords puts the words of a study in the place of those that were there.
func (a *Archive) putWords(ctx context.Context, tx *db.Tx, s Study) error {
	now := wordsOf(s)
	_, had, err := wordsHeld(ctx, tx, s.ID)
	if err != nil || slices.Equal(now, had) {
		return err
	}
	var fresh []string
	for _, w := range now {
		if !slices.Contains(had, w) {
			fresh = append(fresh, w)
		}
	}
	if err := learn(ctx, tx, s.Site, fresh); err != nil {
		return err
	}
	for _, w := range fresh {
		field, word, _ := strings.Cut(w, ":")
		if _, err := tx.Exec(ctx, `insert into search_word (site_id, field, word, study) values ($1, $2, $3, $4) on conflict do nothing`,
			s.Site, field, word, s.ID); err != nil {
			return err
		}
	}
	for _, w := range had {
		if !slices.Contains(now, w) {
			if err := unlearn(ctx, tx, s.Site, w, s.ID); err != nil {
				return err
			}
		}
	}
	_, err = tx.Exec(ctx, `insert into search_study (study, site_id, words) values ($1, $2, $3) on conflict (study) do update set words = excluded.words`,
		s.ID, s.Site, strings.Join(now, "\n"))
	return err
}

// wordsHeld returns the words that a study was given.
func wordsHeld(ctx context.Context, tx *db.Tx, study string) (site string, words []string, err error) {
	var text string
	err = tx.QueryRow(ctx, `select site_id, words from search_study where study = $1`, study).Scan(&site, &text)
	if err != nil && fault.Of(err) == fault.NotFound {
		return "", nil, nil
	}
	if text != "" {
		words = strings.Split(text, "\n")
	}
	return site, words, err
}

// learn adds the grams of words that no study had.
func learn(ctx context.Context, tx *db.Tx, site string, words []string) error {
	for _, w := range words {
		field, word, _ := strings.Cut(w, ":")
		if field == wordID {
			continue // identifiers are found by their beginning
		}
		var n int
		if err := tx.QueryRow(ctx, `select count(*) from (select 1 from search_word where site_id = $1 and field = $2 and word = $3 limit 1) as w`,
			site, field, word).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		for _, g := range grams(word) {
			if _, err := tx.Exec(ctx, `insert into search_gram (site_id, gram, field, word) values ($1, $2, $3, $4) on conflict do nothing`,
				site, g, field, word); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlearn takes a word from a study, and its grams with the last study that had it:
// somebody's name must not stay behind.
func unlearn(ctx context.Context, tx *db.Tx, site, w, study string) error {
	field, word, _ := strings.Cut(w, ":")
	if _, err := tx.Exec(ctx, `delete from search_word where site_id = $1 and field = $2 and word = $3 and study = $4`, site, field, word, study); err != nil {
		return err
	}
	var n int
	err := tx.QueryRow(ctx, `select count(*) from (select 1 from search_word where site_id = $1 and field = $2 and word = $3 limit 1) as w`,
		site, field, word).Scan(&n)
	if err != nil || n > 0 {
		return err
	}
	for _, g := range grams(word) {
		if _, err := tx.Exec(ctx, `delete from search_gram where site_id = $1 and gram = $2 and field = $3 and word = $4`, site, g, field, word); err != nil {
			return err
		}
	}
	return nil
}

// forgetWords removes what a study is found by.
func (a *Archive) forgetWords(ctx context.Context, tx *db.Tx, study string) error {
	site, had, err := wordsHeld(ctx, tx, study)
	if err != nil {
		return err
	}
	for _, w := range had {
		if err := unlearn(ctx, tx, site, w, study); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `delete from search_study where study = $1`, study)
	return err
}
