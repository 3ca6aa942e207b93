package state

import "traceledger/chaincode/trace"

// GetInspection reads an inspection by its key; nil where the key names none.
func GetInspection(l Reader, key trace.Key) (*trace.Inspection, error) {
	return getFact[trace.Inspection](l, key, FactInspection)
}

// GetReview reads a review by its key; nil where the key names none.
func GetReview(l Reader, key trace.Key) (*trace.Review, error) {
	return getFact[trace.Review](l, key, FactReview)
}

// GetSupersededBy reads which inspection took the place of the one under the key, ""
// while none did.
func GetSupersededBy(l Reader, inspection trace.Key) (trace.Key, error) {
	s, err := GetOrZero[trace.Supersession](l, SupersededKey(inspection))
	return s.By, err
}

// GetReviewLevels reads a lot's passed reviews.
func GetReviewLevels(l Reader, lot trace.LotID) (trace.ReviewLevels, error) {
	return GetOrZero[trace.ReviewLevels](l, ReviewLevelsKey(lot))
}

// AccreditationPrefix begins the keys of all accreditations of a lab.
func AccreditationPrefix(lab trace.PartyID) trace.Key { return AccreditationKey(lab, "") }

// LicencePrefix begins the keys of all licences of a party.
func LicencePrefix(p trace.PartyID) trace.Key { return LicenceKey(p, "") }

// getFact reads a fact of one kind; nil where the key is of another kind or nothing
// is there, so that a key sent by a client never reads what it should not.
func getFact[T any](l Reader, key trace.Key, kind string) (*T, error) {
	if fact, ok := ParseFactKey(key); !ok || fact.Kind != kind {
		return nil, nil
	}
	return Get[T](l, key)
}
