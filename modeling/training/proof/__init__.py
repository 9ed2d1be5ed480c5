"""The proof on phantoms: a plan of trainings, a worker that does them one by one, and the table of what came out."""
