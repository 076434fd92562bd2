package message

// Limits bound what reading a message may cost. Zero fields mean the default.
type Limits struct {
	Depth        int   // nested parts; 32
	Parts        int   // all parts, the message itself included; 1000
	HeaderBytes  int   // kept of one header; 256 KiB
	HeaderFields int   // kept of one header; 2000
	FieldBytes   int   // kept of one field; 100 KiB
	AllHeaders   int   // kept of all headers together; 1 MiB
	Boundary     int   // longest boundary; 2048 (RFC 2046 section 5.1.1 allows 70)
	Preview      int64 // decoded bytes of one part; 4 MiB
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Depth, 32)
	setDefault(&l.Parts, 1000)
	setDefault(&l.HeaderBytes, 256<<10)
	setDefault(&l.HeaderFields, 2000)
	setDefault(&l.FieldBytes, 100<<10)
	setDefault(&l.AllHeaders, 1<<20)
	setDefault(&l.Boundary, 2048)
	setDefault(&l.Preview, 4<<20)
	return l
}

func setDefault[T int | int64](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}
