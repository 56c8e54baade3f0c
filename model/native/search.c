/* Best-first search, as Python drives it: it asks the network between two calls (model/frontier.py).
 *
 * Legend: V vocabulary size, B beginnings taken together, K completions.
 */
#include "frontier.h"

static const double ROUNDING = 1e-6; /* nats: more than sums in another order can differ by */

Search *machim_search_new(const Options *options) {
    Search *search = calloc(1, sizeof *search);
    if (search == NULL) return NULL;
    search->options = *options;
    finished_begin(&search->finished, &options->wanted);
    search->best_cut = -INFINITY;
    search->others_seen = INFINITY;
    return search;
}

void machim_search_free(Search *search) {
    finished_end(&search->finished);
    free(search->nodes);
    free(search->candidates);
    free(search->heap.ranked);
    free(search->worths);
    free(search->taken);
    free(search->ids);
    free(search->shares);
    free(search);
}

/* Give 0, or NO_MEMORY if there was none for something. */
static int32_t status(const Search *search) { return search->failed || search->finished.failed ? NO_MEMORY : 0; }

/* Put a phrase seen into the tree of those that are worth most. */
static void add_worth(Search *search, const int32_t *ids, int32_t length, double worth) {
    int32_t at = 0;
    for (int32_t rank = 0; rank < length; rank++) {
        int32_t child = search->worths[at].child;
        while (child != NONE && search->worths[child].symbol != ids[rank]) child = search->worths[child].sibling;
        if (child == NONE) {
            Worth *added = APPEND(search->worths, search->worth_count, search->worth_room, search->failed);
            if (added == NULL) return;
            child = search->worth_count - 1;
            *added = (Worth){worth, ids[rank], NONE, search->worths[at].child};
            search->worths[at].child = child;
        } else if (search->worths[child].worth < worth) {
            search->worths[child].worth = worth;
        }
        at = child;
    }
}

/* Bound the search by the phrases seen (count,) that are worth most: how many characters each has, its count and its
 * cost, and all ids, one after the other; others: the most that any other comes to, nats. Writes (count,) which of them
 * the search can reach. */
int32_t machim_search_expect(
    Search *search, int32_t count, const int32_t *lengths, const double *counts, const double *costs,
    const int32_t *ids, double others, uint8_t *reached) {
    Worth *root = APPEND(search->worths, search->worth_count, search->worth_room, search->failed);
    if (root == NULL) return NO_MEMORY;
    *root = (Worth){-INFINITY, NONE, NONE, NONE};
    search->others_seen = others;
    for (int32_t rank = 0; rank < count; ids += lengths[rank++]) {
        double seen = log_share(&search->options.mixture, counts[rank]), worth = seen + costs[rank];
        add_worth(search, ids, lengths[rank], worth);
        reached[rank] = (uint8_t)finished_expect(&search->finished, ids, lengths[rank], seen, worth - ROUNDING);
    }
    return status(search);
}

/* Add a finished phrase that was found elsewhere. */
int32_t machim_search_know(
    Search *search, const int32_t *ids, int32_t length, double score, double model, double seen, int32_t reference) {
    finished_add(&search->finished, ids, length, score, model, seen, reference);
    return status(search);
}

/* Add the first node, or the child of one: not spread yet. */
static int32_t add_node(Search *search, int32_t parent, Candidate candidate, const float *row) {
    Node *node = APPEND(search->nodes, search->node_count, search->node_room, search->failed);
    if (node == NULL) return NONE;
    const Place *place = place_at(search->options.query, candidate.place);
    if (place == NULL) return NONE;
    *node = (Node){.model = candidate.model, .cost = candidate.cost, .near = -INFINITY, .position = candidate.position,
                   .row = row, .parent = parent, .symbol = candidate.symbol, .place = candidate.place,
                   .worths = search->worth_count > 0 ? 0 : NONE, .free = (uint8_t)place->free, .on_ahead = 1};
    if (parent != NONE) {
        const Node *before = &search->nodes[parent];
        const Wanted *wanted = &search->options.wanted;
        int32_t at = before->depth, symbol = candidate.symbol;
        node->depth = at + 1;
        node->free |= before->free;
        node->on_ahead = before->on_ahead && at < wanted->ahead_count && wanted->ahead[at] == symbol;
        node->begun = before->begun;
        const uint8_t *boundary = search->options.boundary;
        if (boundary != NULL && !boundary[symbol] && (before->free || !node->on_ahead)) node->begun = 1;
        node->worths = worth_below(search, before->worths, symbol);
    }
    return search->node_count - 1;
}

/* Add the start and what was typed as far as it is admitted, ids (count,); rows (count + 1, V) must stay
 * where they are. What follows and what may have been meant instead is queued. */
int32_t machim_search_begin(
    Search *search, int32_t count, const int32_t *ids, const float *rows, int32_t vocabulary) {
    const Options *options = &search->options;
    search->vocabulary = vocabulary;
    size_t most = (size_t)vocabulary;
    search->shares = calloc(most, 2 * sizeof(double) + sizeof(int64_t) + sizeof(float) + sizeof(int32_t));
    if (search->shares == NULL) return NO_MEMORY;
    search->bounds = search->shares + most;
    search->positions = (int64_t *)(search->bounds + most);
    search->tops = (float *)(search->positions + most);
    search->marked = (int32_t *)(search->tops + most);
    int64_t position = options->phrases == NULL ? UNSEEN : 0;
    Candidate candidate = {options->phrases == NULL ? 0.0 : options->mixture.log_model_share, 0.0, position, NONE,
                           BEGIN_ID, 0};
    for (int32_t rank = 0; rank <= count; rank++) {
        int32_t number = add_node(search, candidate.parent, candidate, rows + (size_t)rank * (size_t)vocabulary);
        if (number == NONE) return NO_MEMORY;
        if (rank == count) break;
        const Node *node = &search->nodes[number];
        const Place *place = place_at(options->query, node->place);
        int32_t arc = arc_of(place, ids[rank]);
        position = UNSEEN;
        if (node->position != UNSEEN) {
            Children children = children_of(options->phrases, node->position);
            position = find_child(options->phrases, &children, ids[rank]).position;
        }
        candidate = (Candidate){node->model + (double)node->row[ids[rank]], node->cost + (double)place->costs[arc],
                                position, number, ids[rank], place->places[arc]};
    }
    for (int32_t number = 0; number < count; number++) spread_arcs(search, number, ids[number]);
    spread(search, count);
    return status(search);
}

/* Tell whether a candidate may still come before what is known to be finished; those that stand for several are looked
 * at one by one first. Gives 1 or 0, or NO_MEMORY. */
int32_t machim_search_more(Search *search) {
    while (search->heap.count > 0 && search->heap.ranked[0].score > search->finished.floor) {
        const Candidate *best = &search->candidates[search->heap.ranked[0].item];
        if (best->symbol != REST) return 1;
        int32_t parent = best->parent;
        heap_pop(&search->heap);
        spread_rest(search, parent);
        if (status(search)) return NO_MEMORY;
    }
    return 0;
}

/* Take the best candidates, B at most. Writes their parents and symbols (B,); gives B, or NO_MEMORY. */
int32_t machim_search_take(Search *search, int32_t most, int64_t *parents, int64_t *symbols) {
    search->taken_count = 0;
    while (search->taken_count < most && machim_search_more(search) > 0) {
        int32_t item = heap_pop(&search->heap).item;
        const Candidate candidate = search->candidates[item];
        int32_t *taken = APPEND(search->taken, search->taken_count, search->taken_room, search->failed);
        if (taken == NULL) return NO_MEMORY;
        *taken = item;
        parents[search->taken_count - 1] = candidate.parent;
        symbols[search->taken_count - 1] = candidate.symbol;
    }
    return status(search) ? NO_MEMORY : search->taken_count;
}

/* Add those that were taken, with rows (B, V), which must stay where they are, and queue what follows them. */
int32_t machim_search_add(Search *search, const float *rows) {
    int32_t first = search->node_count;
    for (int32_t rank = 0; rank < search->taken_count; rank++) {
        const Candidate candidate = search->candidates[search->taken[rank]];
        const float *row = rows + (size_t)rank * (size_t)search->vocabulary;
        if (add_node(search, candidate.parent, candidate, row) == NONE) return NO_MEMORY;
    }
    for (int32_t number = first; number < search->node_count; number++) spread(search, number);
    return status(search);
}

double machim_search_best_cut(const Search *search) { return search->best_cut; }

/* Give how many phrases were found, of each name one. */
int32_t machim_search_count(const Search *search) {
    int32_t count = 0;
    for (int32_t number = 0; number < search->finished.name_count; number++) count += search->finished.names[number].found;
    return count;
}

/* Write of all phrases found, in no order, what `machim_search_count` counts: reference, score, model and seen, nats. */
void machim_search_give(const Search *search, int32_t *references, double *scores, double *models, double *seen) {
    for (int32_t number = 0, rank = 0; number < search->finished.name_count; number++) {
        const Name *name = &search->finished.names[number];
        if (!name->found) continue;
        references[rank] = name->reference;
        scores[rank] = name->score;
        models[rank] = name->model;
        seen[rank++] = name->seen;
    }
}
