package contract

// Transit is the contract of logistic units, shipments, custody, devices and their readings.
type Transit struct{ subject }
