/* The index of phrases seen, as model/phrases.py describes it, and what its counts are worth.
 *
 * Legend: N nodes, V vocabulary size.
 */
#ifndef MACHIM_PHRASES_H
#define MACHIM_PHRASES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum { UNKNOWN_ID = 0, BEGIN_ID = 1, END_ID = 2, SYMBOLS = 3 };

#define END_POSITION ((int64_t)-1) /* of a whole phrase: nothing follows */
#define UNSEEN ((int64_t)-2)       /* of what no phrase seen begins with */
#define TAIL_STEP ((int64_t)1 << 32)

/* Whole numbers of two bytes or of four. */
typedef struct {
    const void *first;
    int32_t bytes;
} Numbers;

static inline uint32_t number_at(const Numbers *numbers, size_t at) {
    return numbers->bytes == 2 ? ((const uint16_t *)numbers->first)[at] : ((const uint32_t *)numbers->first)[at];
}

/* A trie; bests (N,): the largest count at or below a node. */
typedef struct {
    const uint32_t *firsts;
    const float *bests;
    Numbers widths, symbols, tails;
} Phrases;

/* What counts are worth (model/mixture.py). */
typedef struct {
    double discounts[3];
    double total;
    double least_count;
    double log_model_share;
} Mixture;

/* What follows a position: so many children, from a node on; or the one symbol that a tail goes on with. */
typedef struct {
    int64_t position;
    uint32_t first;
    uint32_t count;
    int32_t on_tail;
} Children;

typedef struct {
    int32_t symbol;
    float best;
    int64_t position;
} Child;

static inline size_t node_of(int64_t position) { return (size_t)(uint32_t)position; }

static inline Children children_of(const Phrases *phrases, int64_t position) {
    size_t node = node_of(position);
    uint32_t width = number_at(&phrases->widths, node);
    Children children = {position, phrases->firsts[node], width, 0};
    if (width == 0) {
        children.first += (uint32_t)(position >> 32);
        children.count = 1;
        children.on_tail = 1;
    }
    return children;
}

/* Give the child of a rank, below children.count; the symbols of neighbours ascend. */
static inline Child child_at(const Phrases *phrases, const Children *children, uint32_t rank) {
    Child child;
    if (children->on_tail) {
        child.symbol = (int32_t)number_at(&phrases->tails, children->first);
        child.best = phrases->bests[node_of(children->position)];
        child.position = children->position + TAIL_STEP;
    } else {
        size_t node = (size_t)children->first + rank;
        child.symbol = (int32_t)number_at(&phrases->symbols, node);
        child.best = phrases->bests[node];
        child.position = (int64_t)node;
    }
    if (child.symbol == END_ID) child.position = END_POSITION;
    return child;
}

/* Find the child that a symbol leads to; its position is UNSEEN where there is none. */
static inline Child find_child(const Phrases *phrases, const Children *children, int32_t symbol) {
    uint32_t low = 0, high = children->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (child_at(phrases, children, middle).symbol < symbol)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < children->count) {
        Child child = child_at(phrases, children, low);
        if (child.symbol == symbol) return child;
    }
    return (Child){symbol, 0.0f, UNSEEN};
}

/* Give what a count is worth, nats; -inf below the least count. It never falls; see Mixture.log_share. */
static inline double log_share(const Mixture *mixture, double count) {
    double one = mixture->discounts[0], two = mixture->discounts[1], more = mixture->discounts[2], left;
    if (count < mixture->least_count) return -INFINITY;
    if (count >= 3)
        left = count - more;
    else if (count >= 2)
        left = count - two - (count - 2) * (more - two);
    else if (count >= 1)
        left = count - one - (count - 1) * (two - one);
    else
        left = count - count * one;
    return left > 0 ? log(left / mixture->total) : -INFINITY;
}

/* Give log(exp(one) + exp(other)). */
static inline double log_sum(double one, double other) {
    double larger = one > other ? one : other, smaller = one > other ? other : one;
    if (smaller == -INFINITY) return larger;
    return larger + log1p(exp(smaller - larger));
}

#endif
