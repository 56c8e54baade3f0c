/* Children of beginnings that were read: each a candidate if it can come to be among the best; see frontier.h.
 *
 * A beginning bounds all that it can become: a log-probability is never above 0, and of the phrases below a node of the
 * index none has a count above the largest.
 */
#include "frontier.h"

#include "admitted.h"

static const double LOG_2 = 0.6931471805599454; /* nats: a sum of two is never further above the larger of them */
static const double SLACK = 1e-3;                /* nats: more than single precision can be off */

enum { BLOCK = 64, LANES = 8 };

/* Write the ids of a node into search->ids, and give them; NULL where there is no memory. */
static const int32_t *ids_of(Search *search, int32_t number) {
    int32_t depth = search->nodes[number].depth;
    while (search->id_count < depth)
        if (APPEND(search->ids, search->id_count, search->id_room, search->failed) == NULL) return NULL;
    for (int32_t at = depth; at--; number = search->nodes[number].parent) search->ids[at] = search->nodes[number].symbol;
    return search->ids;
}

static void finish(Search *search, int32_t number, double score, double model, double seen) {
    if (!(score > search->finished.floor)) return;
    const int32_t *ids = ids_of(search, number);
    if (ids != NULL || search->nodes[number].depth == 0)
        finished_add(&search->finished, ids, search->nodes[number].depth, score, model, seen, number);
}

/* Make a candidate of a child, if it can come to be among the best. */
static void queue(Search *search, double score, Candidate candidate) {
    if (!(score > search->finished.floor)) return;
    if (search->nodes[candidate.parent].depth >= search->options.wanted.longest) {
        if (score > search->best_cut) search->best_cut = score;
        return;
    }
    Candidate *added = APPEND(search->candidates, search->candidate_count, search->candidate_room, search->failed);
    if (added == NULL) return;
    *added = candidate;
    heap_push(&search->heap, score, search->candidate_count - 1, &search->failed);
}

/* Find the most probable character of a row, and of each block of BLOCK of them: search->tops. */
static float find_tops(Search *search, const float *row) {
    float most = -INFINITY;
    for (int32_t first = 0, block = 0; first < search->vocabulary; first += BLOCK, block++) {
        int32_t count = search->vocabulary - first < BLOCK ? search->vocabulary - first : BLOCK;
        float tops[LANES]; /* several at once: each waits for its own only */
        for (int32_t lane = 0; lane < LANES; lane++) tops[lane] = -INFINITY;
        int32_t at = first == 0 ? SYMBOLS : 0;
        for (; at < count && at % LANES != 0; at++) tops[0] = row[first + at] > tops[0] ? row[first + at] : tops[0];
        for (; at + LANES <= count; at += LANES)
            for (int32_t lane = 0; lane < LANES; lane++) {
                float value = row[first + at + lane];
                tops[lane] = value > tops[lane] ? value : tops[lane];
            }
        for (; at < count; at++) tops[0] = row[first + at] > tops[0] ? row[first + at] : tops[0];
        float top = tops[0];
        for (int32_t lane = 1; lane < LANES; lane++) top = tops[lane] > top ? tops[lane] : top;
        search->tops[block] = top;
        most = top > most ? top : most;
    }
    return most;
}

/* Make candidates of the children of a node after which anything may follow: those that can come to at least `least`
 * and to less than `under`, nats, and above the floor. children, with search->bounds (C,): those that phrases seen go on
 * with; search->tops must be those of its row. */
static void queue_children(Search *search, int32_t number, const Children *children, double least, double under) {
    const Node node = search->nodes[number];
    const uint8_t *boundary = node.begun ? search->options.boundary : NULL;
    double floor = search->finished.floor, limit = least > floor ? least : floor;
    int32_t mark = ++search->marks;
    for (uint32_t rank = 0; rank < children->count; rank++) {
        Child child = child_at(search->options.phrases, children, rank);
        double score = search->bounds[rank];
        search->marked[child.symbol] = mark;
        if (score < limit || score >= under || (boundary != NULL && boundary[child.symbol])) continue;
        double model = node.model + (double)node.row[child.symbol];
        queue(search, score, (Candidate){model, node.cost, child.position, number, child.symbol, node.place});
    }
    /* Single precision may be a little off; what comes so near is looked at in double. */
    float cut = (float)(limit - node.model - node.cost - SLACK);
    for (int32_t first = 0, block = 0; first < search->vocabulary; first += BLOCK, block++) {
        if (search->tops[block] < cut) continue;
        int32_t end = first + BLOCK < search->vocabulary ? first + BLOCK : search->vocabulary;
        for (int32_t symbol = first < SYMBOLS ? SYMBOLS : first; symbol < end; symbol++) {
            if (node.row[symbol] < cut || search->marked[symbol] == mark) continue;
            if (boundary != NULL && boundary[symbol]) continue;
            double model = node.model + (double)node.row[symbol], score = model + node.cost;
            if (score < limit || score >= under) continue;
            queue(search, score, (Candidate){model, node.cost, UNSEEN, number, symbol, node.place});
        }
    }
}

/* Work out what phrases seen make of the children of a node: search->bounds (C,), the most that each can come to, nats.
 * Gives the best of them, and in `end` what the count of the node as a whole phrase is worth. */
static double bound_children(Search *search, const Node *node, Children *children, double *end) {
    double best = -INFINITY, share = -INFINITY;
    float last = -1.0f;
    *end = -INFINITY;
    children->count = 0;
    if (search->options.phrases == NULL || node->position == UNSEEN) return best;
    *children = children_of(search->options.phrases, node->position);
    for (uint32_t rank = 0; rank < children->count; rank++) {
        Child child = child_at(search->options.phrases, children, rank);
        if (child.best != last) {
            share = log_share(&search->options.mixture, child.best);
            last = child.best;
        }
        if (child.symbol == END_ID) {
            *end = share;
            search->bounds[rank] = -INFINITY;
            continue;
        }
        double bound = log_sum(node->model + (double)node->row[child.symbol], share) + node->cost;
        search->bounds[rank] = bound;
        if (bound > best) best = bound;
    }
    return best;
}

/* Make candidates of what may follow a node after which anything may, and keep it if it may end. */
static void spread_free(Search *search, int32_t number) {
    const Node node = search->nodes[number];
    const uint8_t *boundary = search->options.boundary;
    Children children;
    double end, best = bound_children(search, &node, &children, &end);
    if (boundary == NULL) {
        double model = node.model + (double)node.row[END_ID];
        finish(search, number, log_sum(model, end) + node.cost, model, end);
    } else if (node.begun) {
        double ends = 0.0;
        for (int32_t i = 0; i < search->vocabulary; i++)
            if (boundary[i]) ends += exp((double)node.row[i]);
        /* Rounding must not lift a sum above its node: the search rests on scores that only fall. */
        double model = node.model + (ends < 1.0 ? log(ends) : 0.0);
        finish(search, number, model + node.cost, model, -INFINITY);
    }
    double alone = node.model + (double)find_tops(search, node.row) + node.cost;
    double near = (alone > best ? alone : best) - search->options.near;
    queue_children(search, number, &children, near, INFINITY);
    if (near > search->finished.floor) {
        search->nodes[number].near = near;
        queue(search, near, (Candidate){node.model, node.cost, UNSEEN, number, REST, node.place});
    }
}

/* Make candidates of those children of a node that were too far below the best of them. */
void spread_rest(Search *search, int32_t number) {
    Children children;
    double end;
    bound_children(search, &search->nodes[number], &children, &end);
    find_tops(search, search->nodes[number].row);
    queue_children(search, number, &children, -INFINITY, search->nodes[number].near);
}

/* Look up what the counts of phrases seen are worth that go on with each arc of a place: search->shares (A,), nats, and
 * their positions (A,). */
static void share_arcs(Search *search, const Node *node, const Place *place) {
    const Phrases *phrases = search->options.phrases;
    for (int32_t arc = 0; arc < place->count; arc++) {
        search->shares[arc] = -INFINITY;
        search->positions[arc] = UNSEEN;
    }
    if (phrases == NULL || node->position == UNSEEN) return;
    Admitted admitted = admitted_at(phrases, node->position, place);
    for (uint32_t rank = 0; rank < admitted.count; rank++) {
        Child child;
        int32_t arc = admitted_arc(&admitted, rank, &child);
        if (arc < 0) continue;
        search->shares[arc] = log_share(&search->options.mixture, child.best);
        search->positions[arc] = child.position;
    }
}

void spread_arcs(Search *search, int32_t number, int32_t left_out) {
    const Node node = search->nodes[number];
    const Place *place = place_at(search->options.query, node.place);
    share_arcs(search, &node, place);
    for (int32_t arc = 0; arc < place->count; arc++) {
        int32_t symbol = place->ids[arc];
        double model = node.model + (double)node.row[symbol], cost = node.cost + (double)place->costs[arc];
        if (symbol == END_ID) {
            if (search->options.boundary == NULL) {
                double seen = search->shares[arc];
                finish(search, number, log_sum(model, seen) + cost, model, seen);
            }
            continue;
        }
        if (symbol == left_out) continue;
        /* Of the phrases seen below, few are admitted; those are known, or known to come to no more than the others. */
        int32_t known = worth_below(search, node.worths, symbol);
        double worth = search->shares[arc] + cost;
        if (known != NONE)
            worth = search->worths[known].worth;
        else if (worth > search->others_seen)
            worth = search->others_seen;
        double larger = model + cost > worth ? model + cost : worth;
        if (larger + LOG_2 <= search->finished.floor) continue;
        queue(
            search, log_sum(model + cost, worth),
            (Candidate){model, cost, search->positions[arc], number, symbol, place->places[arc]});
    }
}

void spread(Search *search, int32_t number) {
    if (search->nodes[number].free)
        spread_free(search, number);
    else
        spread_arcs(search, number, NONE);
}
