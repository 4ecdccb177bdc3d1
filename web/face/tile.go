package face

// A Tile is one headline value beside its reference, with n and period.
type Tile struct {
	Label     string
	Value     string // printed in the person's language
	Unit      string // printed; "" for none
	Reference string // what the value is held against, as a phrase
	Basis     string // n and period, as a phrase
	Tone      Tone   // of the mark beside the value; Neutral shows none
	Shape     Shape  // drawn beside the value; "" for none
	Glyph     *Glyph // drawn below; its sentence is the text alternative
	Href      string
}

// A Fact is one line of a provenance drawer: a name, a value and how it came.
type Fact struct {
	Label  string
	Value  string
	Origin string // how it came: measured, imported, typed, and from where
	Href   string
	Code   bool // an identifier: shown in a fixed-width face with a copy button
}

// A Node is one line of a tree: an SR content item, a data set.
type Node struct {
	Label    string // concept name
	Value    string
	Note     string // code, value type, tag: quiet
	Links    []Link // what it names, where that can be seen
	Path     string // where it stands, as in 1.2.3; an address can point at it
	Children []Node
	Open     bool
	Marked   bool // what an address points at
}

// A Link is a text that leads somewhere.
type Link struct{ Text, Href string }

// A Progress is long work: how far it is, and how to stop it.
type Progress struct {
	Label  string
	Done   int64
	Total  int64 // 0 while it is not known
	Note   string
	Cancel string // address that a POST stops it at, "" if it cannot be stopped
}

// A Notice tells what happened. Title and Text say what, what is safe and what
// to do.
type Notice struct {
	Tone  Tone
	Title string
	Text  string
	Link  string // address of the one action
	Do    string // its label
}

// A Copy is a text that is typed elsewhere: an address, an AE title, a command.
type Copy struct {
	Label string
	Text  string
}
