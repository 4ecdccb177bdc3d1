package content

// A Listing is one line of the list of content.
type Listing struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Title     string   `json:"title"`
	Publisher string   `json:"publisher"`
	Edition   string   `json:"edition"`
	Licence   string   `json:"licence"`
	Status    string   `json:"status"`
	Checked   bool     `json:"checked"`  // a second person compared it with its source
	Official  bool     `json:"official"` // may be called a national or European reference level
	ValidFrom string   `json:"valid_from,omitempty"`
	ValidTo   string   `json:"valid_to,omitempty"`
	Rows      int      `json:"rows"`
	Digest    string   `json:"digest"`
	Origin    string   `json:"origin"`
	Replaces  []string `json:"replaces,omitempty"` // origins of the sets it stands in place of
}

// List returns a line for every set as site sees it, sorted by id.
func (l *Library) List(site string) []Listing {
	var all []Listing
	for _, s := range l.Sets(site) {
		line := Listing{
			ID: s.ID, Kind: s.Kind, Title: s.Title, Publisher: s.Publisher, Edition: s.Edition,
			Licence: s.Licence, Status: s.Status, Checked: s.Checked(), Official: s.Official,
			ValidFrom: s.ValidFrom, ValidTo: s.ValidTo,
			Rows: s.Rows(), Digest: s.Ref().Digest, Origin: s.Origin.String(),
		}
		for _, o := range s.Replaces {
			line.Replaces = append(line.Replaces, o.String())
		}
		all = append(all, line)
	}
	return all
}
