package dose

// ReaderVersion is the version of what reads reports and headers and makes amounts of
// them. It goes up with every change by which the same bytes may give other numbers;
// studies of an older version are read anew, and what changed is kept.
//
// 2: target exposure index and repeats became amounts.
const ReaderVersion = 2
